# SPDX-License-Identifier: MIT
"""What the integration tests are made of: one noun a module."""
