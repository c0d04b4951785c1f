/* SPDX-License-Identifier: MIT */
#ifndef BASE_LIST_H
#define BASE_LIST_H
#include "base/check.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * Intrusive doubly linked list: the links live in the listed objects, so
 * nothing is allocated and an object can leave in constant time.  A node that
 * is in no list points to itself.
 */
struct list {
    struct list *previous;
    struct list *next;
};

#define LIST_ITEM(node, type, member) CONTAINER_OF(node, type, member)

/* Walk |head|; the body may take the current node out of the list. */
#define LIST_EACH(head, node)                                         \
    for (struct list *node = (head)->next, *node##_next = node->next; \
         node != (head); node = node##_next, node##_next = node->next)

static inline void list_init(struct list *node)
{
    node->previous = node->next = node;
}

/* For a head: nothing is listed.  For a node: it is in no list. */
static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_append(struct list *head, struct list *node)
{
    node->previous = head->previous;
    node->next = head;
    head->previous->next = node;
    head->previous = node;
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list_append(head->next, node);
}

/* Harmless for a node that is in no list. */
static inline void list_remove(struct list *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    list_init(node);
}

static inline struct list *list_first(const struct list *head)
{
    return list_is_empty(head) ? NULL : head->next;
}

/* Move all of |from| to the end of |to|; |from| is empty afterwards. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->previous = to->previous;
    from->previous->next = to;
    to->previous->next = from->next;
    to->previous = from->previous;
    list_init(from);
}
#endif
