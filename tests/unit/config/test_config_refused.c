/* SPDX-License-Identifier: MIT */
/* Bad input: a file, and exactly what is said of it. */
#include "config/config.h"
#include "support/check_test.h"
#include <stdlib.h>

/* A sound start for a file; services follow at line 5. */
#define SOUND                                                \
    "identity: {certificate: a, private_key: b, trust: c}\n" \
    "tunnels: {listen: \"0.0.0.0:7411\"}\n"                  \
    "consume:\n"                                             \
    "  ok: {listen: 127.0.0.1:1, direct: static:127.0.0.1:2}\n"
#define CONSUME(line) SOUND line
#define OFFER(line) SOUND "offer:\n" line

struct refusal {
    const char *text;
    const char *message;
};

static const struct refusal keys[] = {
    { "consum:\n  redis: {}\n",
      "f:1:1: unknown key \"consum\"; did you mean \"consume\"? (known here: "
      "node, identity, tunnels, admin, workers, dns, state, log, drain, "
      "consume, offer)" },
    { "identity:\n  key: x\n",
      "f:2:3: unknown key \"key\" (known here: certificate, private_key, "
      "trust, revocation)" },
    { "identity: {private-key: x}\n",
      "f:1:12: unknown key \"private-key\"; did you mean \"private_key\"? "
      "(known here: certificate, private_key, trust, revocation)" },
    { "identity.trust: x\n",
      "f:1:1: unknown key \"identity.trust\" (known here: node, identity, "
      "tunnels, admin, workers, dns, state, log, drain, consume, offer)" },
    { "dns: {server: x}\n",
      "f:1:7: unknown key \"server\"; did you mean \"servers\"? (known here: "
      "servers)" },
    { "consume:\n  redis:\n    lisen: x\n",
      "f:3:5: unknown key \"lisen\"; did you mean \"listen\"? (known "
      "here: listen, from, direct, fallback, peer, balance, min_healthy, "
      "slow_start, retry_budget, max_per_endpoint, hold, on_move, "
      "connect_timeout, proxy_protocol, max_connections, max_waiting, "
      "health)" },
    { "offer:\n  redis:\n    listen: x\n",
      "f:3:5: unknown key \"listen\" (known here: to, fallback, allow, "
      "announce, announce_weight, announce_priority, balance, "
      "min_healthy, slow_start, retry_budget, max_per_endpoint, on_move, "
      "connect_timeout, proxy_protocol, max_connections, health)" },
    { "offer:\n  redis:\n    \"*\": x\n",
      "f:3:5: unknown key \"*\" (known here: to, fallback, allow, "
      "announce, announce_weight, announce_priority, balance, "
      "min_healthy, slow_start, retry_budget, max_per_endpoint, on_move, "
      "connect_timeout, proxy_protocol, max_connections, health)" },
    { "consume: {\"*\": {}}\n",
      "f:1:11: \"*\": a service's name is at most 63 letters, digits, '.', "
      "'_' and '-', like redis" },
    { "\"a\\nb\\u00e9\": x\n",
      "f:1:1: unknown key \"a\\x0ab\\xc3\\xa9\" (known here: node, identity, "
      "tunnels, admin, workers, dns, state, log, drain, consume, offer)" },
    { "node: a\nnode: b\n", "f:2:1: the same key is at line 1, column 1" },
    { "consume:\n  a: {}\n  a: {}\n",
      "f:3:3: the same key is at line 2, column 3" },
    { "consume: {a b: {}}\n",
      "f:1:11: \"a b\": a service's name is at most 63 letters, digits, '.', "
      "'_' and '-', like redis" },
    { "consume:\n"
      "  a123456789b123456789c123456789d123456789e123456789f123456789g123: {}",
      "f:2:3: "
      "\"a123456789b123456789c123456789d123456789e123456789f123456789g123\": a "
      "service's name is at most 63 letters, digits, '.', '_' and '-', like "
      "redis" },
};

static const struct refusal not_yet[] = {
    { "offer: {r: {credentials: {protocol: redis}}}",
      "f:1:13: credentials is not supported by this version" },
    { "offer: {r: {on_move: migrate}}",
      "f:1:22: \"migrate\": it is not supported by this version; "
      "expected keep, close, or drain and a time up to 7d, like drain 30s" },
    { "consume: {r: {credentials: x}}",
      "f:1:15: credentials is not supported by this version" },
    { "consume: {r: {health: x}}",
      "f:1:23: expected a map of protocol, role, every, timeout, rise, "
      "fall, path, host, expect, user, database, not \"x\"" },
};

static const struct refusal kinds[] = {
    { "just words", "f:1:1: expected a map of node, identity, tunnels, admin, "
                    "workers, dns, state, log, drain, consume, offer, not "
                    "\"just words\"" },
    { "- a\n", "f:1:1: expected a map of node, identity, tunnels, admin, "
               "workers, dns, state, log, drain, consume, offer, not a list" },
    { "identity: certs/web-1.crt\n",
      "f:1:11: expected a map of certificate, private_key, trust, revocation, "
      "not \"certs/web-1.crt\"" },
    { "tunnels: [0.0.0.0:7411]\n",
      "f:1:10: expected a map of listen, advertise, dial, not a list" },
    { "log: debug\n", "f:1:6: expected a map of level, format, not \"debug\"" },
    { "consume: redis\n",
      "f:1:10: expected a map of services by their names, not \"redis\"" },
    { "offer: [redis]\n",
      "f:1:8: expected a map of services by their names, not a list" },
    { "consume: {r: 127.0.0.1:1}\n",
      "f:1:14: expected a map of listen, from, direct, fallback, peer, "
      "balance, min_healthy, slow_start, retry_budget, max_per_endpoint, "
      "hold, on_move, connect_timeout, proxy_protocol, max_connections, "
      "max_waiting, health, not \"127.0.0.1:1\"" },
    { "node: [a]\n", "f:1:7: expected a name of at most 63 letters, digits, "
                     "'.', '_' and '-', like web-1, not a list" },
    { "node: {a: b}\n", "f:1:7: expected a name of at most 63 letters, digits, "
                        "'.', '_' and '-', like web-1, not a map" },
    { "node:\n", "f:1:6: expected a name of at most 63 letters, digits, '.', "
                 "'_' and '-', like web-1, not nothing" },
    { "identity: {trust: ~}\n",
      "f:1:19: expected a path like certs/web-1.crt, not nothing" },
    { "consume: {r: {listen: {a: b}}}",
      "f:1:23: expected an address like 127.0.0.1:6379, [::1]:6379 or "
      "unix:/run/redis.sock, not a map" },
    { "consume: {r: {listen: [[127.0.0.1:1]]}}",
      "f:1:24: expected an address like 127.0.0.1:6379, [::1]:6379 or "
      "unix:/run/redis.sock, not a list" },
    { "consume:\n  r:\n    listen:\n    -\n",
      "f:4:6: expected an address like 127.0.0.1:6379, [::1]:6379 or "
      "unix:/run/redis.sock, not nothing" },
    { "consume:\n  r:\n    listen:\n    hold: 1s\n",
      "f:3:12: expected an address like 127.0.0.1:6379, [::1]:6379 or "
      "unix:/run/redis.sock, not nothing" },
    { "consume: {r: {hold: [1s]}}",
      "f:1:21: expected a time like 500ms or 10s, from 0 to 1h, not a list" },
    { "consume: {r: {health: redis}}",
      "f:1:23: expected a map of protocol, role, every, timeout, rise, fall, "
      "path, host, expect, user, database, not \"redis\"" },
};

/* A service that is offered or reached directly, with a section of health. */
#define OFFERED(health_)                                                       \
    "offer: {r: {to: static:h:1, allow: spiffe://a/b, health: {" health_ "}}}" \
    "\n"
#define DIRECTLY(health_)                                                      \
    "consume: {r: {direct: static:h:1, listen: 127.0.0.1:1, health: {" health_ \
    "}}}\n"

static const struct refusal health_values[] = {
    { DIRECTLY("protocl: tcp"),
      "f:1:65: unknown key \"protocl\"; did you mean \"protocol\"? (known "
      "here: protocol, role, every, timeout, rise, fall, path, host, expect, "
      "user, database)" },
    { DIRECTLY("protocol: ftp"),
      "f:1:75: \"ftp\": expected none, tcp, http, redis, postgres or mysql" },
    { DIRECTLY("protocol: redis, role: slave"),
      "f:1:88: \"slave\": expected any, primary or master" },
    { DIRECTLY("protocol: tcp, every: 99ms"),
      "f:1:87: \"99ms\": expected a time like 500ms or 10s, from 100ms to "
      "1h" },
    { DIRECTLY("protocol: tcp, fall: 0"),
      "f:1:86: \"0\": expected a number from 1 to 100" },
    { DIRECTLY("protocol: http, path: health"),
      "f:1:87: \"health\": expected a path like /health, without spaces" },
    { DIRECTLY("protocol: http, path: '/a b'"),
      "f:1:87: \"/a b\": expected a path like /health, without spaces" },
    { DIRECTLY("protocol: http, host: 'a b'"),
      "f:1:87: \"a b\": expected a host like www.example.com or "
      "www.example.com:8080" },
    { DIRECTLY("protocol: http, expect: 199"),
      "f:1:89: \"199\": expected a number from 200 to 599, or 200-399" },
    { DIRECTLY("protocol: postgres, user: ''"),
      "f:1:91: \"\": expected a word like entente, in plain letters" },
};

static const struct refusal healths[] = {
    { DIRECTLY("every: 2s"),
      "f:1:65: r: health.every means nothing with health.protocol none" },
    { OFFERED("every: 2s"),
      "f:1:59: r: health.every means nothing with health.protocol none" },
    { OFFERED("protocol: tcp, role: master"),
      "f:1:74: r: health.role means nothing with health.protocol tcp" },
    { OFFERED("protocol: mysql, role: primary"),
      "f:1:76: r: health.role means nothing with health.protocol mysql" },
    { DIRECTLY("protocol: redis, path: /"),
      "f:1:82: r: health.path means nothing with health.protocol redis" },
    { DIRECTLY("protocol: tcp, expect: 200"),
      "f:1:80: r: health.expect means nothing with health.protocol tcp" },
    { DIRECTLY("protocol: redis, user: u"),
      "f:1:82: r: health.user means nothing with health.protocol redis" },
    { DIRECTLY("protocol: mysql, database: d"),
      "f:1:82: r: health.database means nothing with health.protocol mysql" },
    { "consume: {r: {from: static:h:1, peer: spiffe://a/b, listen: "
      "127.0.0.1:1, health: {protocol: tcp}}}",
      "f:1:83: r: health.protocol means nothing without direct: a peer "
      "connects" },
};

static const struct refusal values[] = {
    { "node: -a\n", "f:1:7: \"-a\": expected a name of at most 63 letters, "
                    "digits, '.', '_' and '-', like web-1" },
    { "node: ''\n", "f:1:7: \"\": expected a name of at most 63 letters, "
                    "digits, '.', '_' and '-', like web-1" },
    { "identity: {certificate: ''}\n",
      "f:1:25: \"\": expected a path like certs/web-1.crt" },
    { "identity: {certificate: \"a\\nb\"}\n",
      "f:1:25: \"a\\x0ab\": it has a control character" },
    { "identity: {certificate: \"a\\x7f\"}\n",
      "f:1:25: \"a\\x7f\": it has a control character" },
    { "state: ''\n",
      "f:1:8: \"\": expected a directory like /var/lib/entente" },
    { "tunnels: {listen: example.com:7411}\n",
      "f:1:19: \"example.com:7411\": it must be an IP address, not a name" },
    { "tunnels: {listen: \"0.0.0.0:70000\"}\n",
      "f:1:19: \"0.0.0.0:70000\": the port is not a number from 0 to 65535" },
    { "tunnels: {advertise: \"0.0.0.0:7411\"}\n",
      "f:1:22: \"0.0.0.0:7411\": expected a host, perhaps with its port, like "
      "db-1.example.com:7411 or 10.0.0.7" },
    { "tunnels: {advertise: \"db-1:0\"}\n",
      "f:1:22: \"db-1:0\": expected a host, perhaps with its port, like "
      "db-1.example.com:7411 or 10.0.0.7" },
    { "tunnels: {dial: db-1.example.com}\n",
      "f:1:17: \"db-1.example.com\": expected a host and its port, like "
      "db-1.example.com:7411" },
    { "tunnels: {dial: [\"db-1.example.com:7411\", db-2:0]}\n",
      "f:1:43: \"db-2:0\": expected a host and its port, like "
      "db-1.example.com:7411" },
    { "admin: 0.0.0.0:7412\n",
      "f:1:8: \"0.0.0.0:7412\": it must be a Unix socket or a loopback "
      "address, since it asks nobody for a password" },
    { "admin: unix:admin.sock\n",
      "f:1:8: \"unix:admin.sock\": the path of a Unix socket must begin with "
      "/" },
    { "workers: 0\n", "f:1:10: \"0\": expected a number from 1 to 256, or "
                      "auto" },
    { "workers: 257\n", "f:1:10: \"257\": expected a number from 1 to 256, or "
                        "auto" },
    { "workers: many\n", "f:1:10: \"many\": expected a number from 1 to 256, "
                         "or auto" },
    { "dns: {servers: 10.0.0.2}\n",
      "f:1:16: \"10.0.0.2\": expected an address like 10.0.0.2:53" },
    { "dns: {servers: \"10.0.0.2:0\"}\n",
      "f:1:16: \"10.0.0.2:0\": expected an address like 10.0.0.2:53" },
    { "log: {level: loud}\n",
      "f:1:14: \"loud\": expected error, warning, info or debug" },
    { "log: {format: xml}\n", "f:1:15: \"xml\": expected text or json" },
    { "drain: 30\n", "f:1:8: \"30\": expected a time like 500ms or 10s, from 0 "
                     "to 1d" },
    { "drain: 25h\n", "f:1:8: \"25h\": expected a time like 500ms or 10s, from "
                      "0 to 1d" },
    { "consume: {r: {listen: 6379}}",
      "f:1:23: \"6379\": expected an address and a port like 127.0.0.1:6379 or "
      "[::1]:6379, or unix:/path" },
    { "consume: {r: {listen: \"localhost:6379\"}}",
      "f:1:23: \"localhost:6379\": it must be an IP address, not a name" },
    { "consume: {r: {listen: [127.0.0.1:1, 127.0.0.1]}}",
      "f:1:37: \"127.0.0.1\": the port is missing, like in 127.0.0.1:6379" },
    { "consume: {r: {from: \"db-1.example.com:7411\"}}",
      "f:1:21: \"db-1.example.com:7411\": expected "
      "static:db-1.example.com:7411" },
    { "consume: {r: {direct: [inbound:]}}",
      "f:1:24: \"inbound:\": inbound: is only for consume.*.from" },
    { "offer: {r: {to: \"inbound:\"}}",
      "f:1:17: \"inbound:\": inbound: is only for consume.*.from" },
    { "consume: {r: {peer: db-1}}",
      "f:1:21: \"db-1\": expected an identity like spiffe://acme/web-1 or "
      "spiffe://acme/web-*" },
    { "consume: {r: {peer: [spiffe://acme/a, spiffe://acme]}}",
      "f:1:39: \"spiffe://acme\": expected an identity like "
      "spiffe://acme/web-1 or spiffe://acme/web-*" },
    { "offer: {r: {allow: '*'}}",
      "f:1:20: \"*\": expected an identity like spiffe://acme/web-1 or "
      "spiffe://acme/web-*" },
    { "offer: {r: {allow: 'spiffe://acme/*-client'}}",
      "f:1:20: \"spiffe://acme/*-client\": a * stands for one whole segment of "
      "the path or for the end of one, like spiffe://acme/*/web or "
      "spiffe://acme/web-*" },
    { "offer: {r: {announce: redis}}",
      "f:1:23: \"redis\": expected zookeeper:SERVER,SERVER/PATH or "
      "mdns:_SERVICE._tcp" },
    { "offer: {r: {announce: [\"mdns:_a._tcp\", \"zookeeper:h:1\"]}}",
      "f:1:40: \"zookeeper:h:1\": expected the path of a node, like "
      "/services/redis, got " },
    { "offer: {r: {announce_weight: 65536}}",
      "f:1:30: \"65536\": expected a number from 0 to 65535" },
    { OFFER("  r: {to: static:h:1, allow: spiffe://a/b, announce: "
            "[zookeeper:h/1, zookeeper:h/2, zookeeper:h/3, zookeeper:h/4,\n"
            "    zookeeper:h/5, zookeeper:h/6, zookeeper:h/7, zookeeper:h/8,\n"
            "    zookeeper:h/9, zookeeper:h/a, zookeeper:h/b, zookeeper:h/c,\n"
            "    zookeeper:h/d, zookeeper:h/e, zookeeper:h/f, zookeeper:h/g,\n"
            "    zookeeper:h/h]}\n"),
      "f:10:5: r: it is announced in more than 16 places" },
    { "consume: {r: {balance: random}}",
      "f:1:24: \"random\": expected round-robin, least-loaded, two-choices or "
      "hash" },
    { "consume: {r: {hold: 3601s}}",
      "f:1:21: \"3601s\": expected a time like 500ms or 10s, from 0 to 1h" },
    { "consume: {r: {on_move: drop}}",
      "f:1:24: \"drop\": expected keep, close, or drain and a time up to 7d, "
      "like drain 30s" },
    { "consume: {r: {on_move: drain}}",
      "f:1:24: \"drain\": expected keep, close, or drain and a time up to 7d, "
      "like drain 30s" },
    { "consume: {r: {on_move: drain 30}}",
      "f:1:24: \"drain 30\": expected keep, close, or drain and a time up to "
      "7d, like drain 30s" },
    { "offer: {r: {on_move: drain 8d}}",
      "f:1:22: \"drain 8d\": expected keep, close, or drain and a time up to "
      "7d, like drain 30s" },
    { "offer: {r: {on_move: 30s}}",
      "f:1:22: \"30s\": expected keep, close, or drain and a time up to 7d, "
      "like drain 30s" },
    { "offer: {r: {on_move: migrate}}",
      "f:1:22: \"migrate\": it is not supported by this version; expected "
      "keep, close, or drain and a time up to 7d, like drain 30s" },
    { "offer: {r: {on_move: [close]}}",
      "f:1:22: expected keep, close, or drain and a time up to 7d, like drain "
      "30s, not a list" },
    { "consume: {r: {connect_timeout: 9ms}}",
      "f:1:32: \"9ms\": expected a time like 500ms or 10s, from 10ms to 5m" },
    { "consume: {r: {proxy_protocol: maybe}}",
      "f:1:31: \"maybe\": expected true or false" },
    { "consume: {r: {max_connections: 0}}",
      "f:1:32: \"0\": expected a number from 1 to 1000000" },
    { "consume: {r: {max_waiting: 1000001}}",
      "f:1:28: \"1000001\": expected a number from 0 to 1000000" },
    { "consume: {r: {max_waiting: 1e3}}",
      "f:1:28: \"1e3\": expected a number from 0 to 1000000" },
};

static const struct refusal wholes[] = {
    { "", "f: there is nothing to do: no service is under consume or offer" },
    { "node: a\nconsume:\noffer: {}\n",
      "f: there is nothing to do: no service is under consume or offer" },
    { "consume:\n  redis:\n",
      "f:2:3: redis: from is missing (where the ambassadors are that offer it, "
      "or inbound: for peers that dial us), or direct (where the service "
      "itself "
      "is, to reach it without a tunnel); give a source like "
      "static:db-1.example.com:7411" },
    { CONSUME("  r: {listen: 127.0.0.1:2, from: [], peer: spiffe://a/b}\n"),
      "f:5:28: r: from is missing (where the ambassadors are that offer it, or "
      "inbound: for peers that dial us); give a source like "
      "static:db-1.example.com:7411" },
    { CONSUME("  r: {direct: static:127.0.0.1:2}\n"),
      "f:5:3: r: listen is missing (where applications connect); give an "
      "address like 127.0.0.1:6379, [::1]:6379 or unix:/run/redis.sock" },
    { CONSUME("  r: {direct: static:127.0.0.1:2, listen: []}\n"),
      "f:5:35: r: listen is missing (where applications connect); give an "
      "address like 127.0.0.1:6379, [::1]:6379 or unix:/run/redis.sock" },
    { CONSUME("  r: {listen: 127.0.0.1:2, from: static:h:1}\n"),
      "f:5:3: r: peer is missing (who may claim to offer it); give an identity "
      "like spiffe://acme/web-1 or spiffe://acme/web-*" },
    { CONSUME("  r: {from: static:h:1, direct: static:h:2}\n"),
      "f:5:25: r: a service is reached either from its ambassadors or direct, "
      "and f:5:7 gives from" },
    { CONSUME("  r: {direct: static:h:1, from: static:h:2}\n"),
      "f:5:27: r: a service is reached either from its ambassadors or direct, "
      "and f:5:7 gives direct" },
    { CONSUME("  r: {direct: [], from: [static:h:2]}\n"),
      "f:5:19: r: a service is reached either from its ambassadors or direct, "
      "and f:5:7 gives direct" },
    { CONSUME("  r: {direct: static:h:1, listen: 127.0.0.1:2, peer: "
              "spiffe://a/b}\n"),
      "f:5:48: r: peer means nothing beside direct: there is no peer" },
    { CONSUME("  r: {from: static:h:1, peer: spiffe://a/b, listen: "
              "127.0.0.1:2, proxy_protocol: true}\n"),
      "f:5:66: r: proxy_protocol means nothing without direct: a peer "
      "connects" },
    { CONSUME("  r: {from: static:h:1, peer: spiffe://a/b, listen: "
              "127.0.0.1:2, connect_timeout: 1s}\n"),
      "f:5:66: r: connect_timeout means nothing without direct: a peer "
      "connects" },
    { OFFER("  r: {allow: spiffe://a/b}\n"),
      "f:6:3: r: to is missing (where the service is); give a source like "
      "static:db-1.example.com:7411" },
    { OFFER("  r: {to: static:h:1}\n"),
      "f:6:3: r: allow is missing (who may open it; nobody else can); give an "
      "identity like spiffe://acme/web-1 or spiffe://acme/web-*" },
    { OFFER("  r: {to: static:h:1, allow: []}\n"),
      "f:6:23: r: allow is missing (who may open it; nobody else can); give an "
      "identity like spiffe://acme/web-1 or spiffe://acme/web-*" },
    { "identity: {certificate: a, private_key: b, trust: c}\n"
      "offer: {r: {to: static:h:1, allow: spiffe://a/b}}\n",
      "f:2:9: r: no peer can reach it; give tunnels.listen, like 0.0.0.0:7411, "
      "or tunnels.dial, like web-1.example.com:7411" },
    { "identity: {certificate: a, private_key: b, trust: c}\n"
      "consume: {r: {listen: 127.0.0.1:1, peer: spiffe://a/b,\n"
      "  from: [static:h:1, inbound:]}}\n",
      "f:3:22: r: inbound: needs tunnels.listen, where peers dial us, like "
      "0.0.0.0:7411" },
    { "identity: {certificate: a, private_key: b, trust: c}\n"
      "tunnels: {dial: h:7411}\n"
      "consume: {r: {listen: 127.0.0.1:1, peer: spiffe://a/b,\n"
      "  from: [inbound:]}}\n",
      "f:4:10: r: inbound: needs tunnels.listen, where peers dial us, like "
      "0.0.0.0:7411" },
    { "identity: {private_key: b, trust: c}\n"
      "consume: {r: {listen: 127.0.0.1:1, peer: spiffe://a/b, from: "
      "static:h:1}}\n",
      "f:2:11: r goes through tunnels, but identity.certificate is missing "
      "(our certificate, then the chain to the CA (PEM))" },
    { "identity: {certificate: b, trust: c}\n"
      "tunnels: {dial: h:7411}\n"
      "offer: {r: {to: static:h:1, allow: spiffe://a/b}}\n",
      "f:3:9: r goes through tunnels, but identity.private_key is missing (the "
      "certificate's private key (PEM))" },
    { "tunnels:\n  listen: 127.0.0.1:7411\n"
      "identity: {certificate: a, private_key: b}\n"
      "consume: {r: {listen: 127.0.0.1:1, direct: static:h:1}}\n",
      "f:2:3: there are tunnels, but identity.trust is missing (the CAs whose "
      "certificates peers may have (PEM))" },
    { "identity: {certificate: a, private_key: b, trust: c}\n"
      "tunnels: {dial: h:7411, advertise: h:7411}\n"
      "offer: {r: {to: static:h:1, allow: spiffe://a/b,\n"
      "  announce: [mdns:_r._tcp]}}\n",
      "f:4:14: r: to be announced needs tunnels.listen, where peers dial us, "
      "like 0.0.0.0:7411" },
    { "identity: {certificate: a, private_key: b, trust: c}\n"
      "tunnels: {listen: unix:/x, advertise: h}\n"
      "offer: {r: {to: static:h:1, allow: spiffe://a/b,\n"
      "  announce: [mdns:_r._tcp]}}\n",
      "f:4:14: r: to be announced needs tunnels.advertise, like "
      "db-1.example.com:7411: it is not said at which port" },
    { "identity: {certificate: a, private_key: b, trust: c}\n"
      "tunnels: {listen: \"[fe80::1%lo]:7411\"}\n"
      "offer: {r: {to: static:h:1, allow: spiffe://a/b,\n"
      "  announce: mdns:_r._tcp}}\n",
      "f:4:13: r: to be announced needs tunnels.advertise, like "
      "db-1.example.com:7411: [fe80::1%lo]:7411 is an address for this host "
      "alone" },
    { "identity: {certificate: a, private_key: b, trust: c}\n"
      "tunnels: {listen: 0.0.0.0:7411, advertise: db-1}\n"
      "offer: {r: {to: static:h:1, allow: spiffe://a/b,\n"
      "  announce: [zookeeper:h/r, mdns:_r._tcp]}}\n",
      "f:4:29: r: mdns:_r._tcp tells IP addresses, but tunnels.advertise "
      "gives the name db-1" },
    { OFFER("  r: {to: static:h:1, allow: spiffe://a/b, announce: "
            "[mdns:_r._tcp, mdns:_s._tcp, mdns:_r._tcp]}\n"),
      "f:6:83: r: it is announced in mdns:_r._tcp twice" },
    { OFFER("  r: {to: static:h:1, allow: spiffe://a/b, announce_weight: 2}\n"),
      "f:6:44: r: announce_weight means nothing without announce" },
    { OFFER("  r: {to: static:h:1, allow: spiffe://a/b, announce: [], "
            "announce_priority: 2}\n"),
      "f:6:58: r: announce_priority means nothing without announce" },
    { CONSUME("  r: {direct: static:h:1, listen: 127.0.0.1:1}\n"),
      "f:5:35: 127.0.0.1:1 is listened on twice; the other is at f:4:16" },
    { CONSUME("  r: {direct: static:h:1, listen: [127.0.0.1:3, "
              "127.0.0.1:3]}\n"),
      "f:5:49: 127.0.0.1:3 is listened on twice; the other is at f:5:36" },
    { CONSUME("  r: {direct: static:h:1, listen: \"[0:0::1]:3\"}\n"
              "  s: {direct: static:h:1, listen: \"[::1]:3\"}\n"),
      "f:6:35: [::1]:3 is listened on twice; the other is at f:5:35" },
    { CONSUME("  r: {direct: static:h:1, listen: 0.0.0.0:7411}\n"),
      "f:5:35: 0.0.0.0:7411 is listened on twice; the other is at f:2:19" },
    { CONSUME("  r: {direct: static:h:1, listen: [127.0.0.1:3, 127.0.0.1:3]}\n"
              "  s: {direct: static:h:1, listen: [127.0.0.1:9, "
              "127.0.0.1:9]}\n"),
      "f:5:49: 127.0.0.1:3 is listened on twice; the other is at f:5:36" },
    { CONSUME("  r: {direct: static:h:1, listen: [127.0.0.1:9, 127.0.0.1:9]}\n"
              "  s: {direct: static:h:1, listen: [127.0.0.1:3, "
              "127.0.0.1:3]}\n"),
      "f:5:49: 127.0.0.1:9 is listened on twice; the other is at f:5:36" },
    { "admin: unix:/run/x\n" CONSUME(
          "  r: {direct: static:h:1, listen: unix:/run/x}\n"),
      "f:6:35: unix:/run/x is listened on twice; the other is at f:1:8" },
};

static void assert_refused(const struct refusal *refusals, size_t count,
                           bool is_incomplete)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = refusals[i].text;
        struct config *config = NULL;
        struct config_error error;

        assert_int_equal(config_parse("f", text, strlen(text), &config, &error),
                         STATUS_CONFIG);
        assert_string_equal(error.text, refusals[i].message);
        assert_null(config);
        if (is_incomplete && strstr(error.text, "twice") == NULL)
            assert_true(error.is_incomplete);
        else
            assert_false(error.is_incomplete);
    }
}

static void unknown_keys_get_the_nearest_known_one(void **state)
{
    (void)state;
    assert_refused(keys, ARRAY_LENGTH(keys), false);
}

static void keys_of_later_versions_are_never_ignored(void **state)
{
    (void)state;
    assert_refused(not_yet, ARRAY_LENGTH(not_yet), false);
}

static void the_wrong_kind_of_thing_is_told_with_the_right_one(void **state)
{
    (void)state;
    assert_refused(kinds, ARRAY_LENGTH(kinds), false);
}

static void health_checks_that_cannot_be_are_told(void **state)
{
    (void)state;
    assert_refused(health_values, ARRAY_LENGTH(health_values), false);
    assert_refused(healths, ARRAY_LENGTH(healths), true);
}

static void impossible_values_are_told_with_possible_ones(void **state)
{
    (void)state;
    assert_refused(values, ARRAY_LENGTH(values), false);
}

static void what_is_missing_or_contradicts_is_told(void **state)
{
    (void)state;
    assert_refused(wholes, ARRAY_LENGTH(wholes), true);
}

static void what_is_not_yaml_is_told_with_its_place(void **state)
{
    static const struct refusal refusals[] = {
        { "consume:\n\tredis:\n", "f:2:1: a tab cannot indent; use spaces" },
        { "a: !!x 1", "f:1:4: tags are not supported" },
    };

    (void)state;
    assert_refused(refusals, ARRAY_LENGTH(refusals), false);
}

/* ---- bounds ---- */

static void values_lists_and_services_are_bounded(void **state)
{
    enum { TEXT = 200000 };
    char *text = malloc(TEXT), *at = text;
    struct config_error error;
    struct config *config;

    (void)state;
    assert_non_null(text);
    at += sprintf(at, "identity: {trust: ");
    memset(at, 'a', 4096);
    at[4096] = '\0';
    strcat(at, "}");
    assert_int_equal(config_parse("f", text, strlen(text), &config, &error),
                     STATUS_CONFIG);
    assert_non_null(strstr(error.text, ": it is longer than 4095 bytes"));

    at = text + sprintf(text, "dns: {servers: [");
    for (int i = 0; i < 1025; i++)
        at += sprintf(at, "10.0.%d.%d:53, ", i / 256, i % 256);
    sprintf(at, "]}");
    assert_int_equal(config_parse("f", text, strlen(text), &config, &error),
                     STATUS_CONFIG);
    assert_non_null(strstr(error.text, ": a list has at most 1024 entries"));

    at = text + sprintf(text, "consume:\n");
    for (int i = 0; i <= CONFIG_MAX_SERVICES; i++)
        at += sprintf(at, "  s%d:\n", i);
    assert_int_equal(config_parse("f", text, strlen(text), &config, &error),
                     STATUS_CONFIG);
    assert_string_equal(error.text, "f:4098:3: these are more than 4096 "
                                    "services");
    free(text);
}

static void a_long_name_does_not_push_out_what_is_wrong(void **state)
{
    struct config_error error;
    struct config *config;
    char name[3000];

    (void)state;
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(config_parse(name, "node: ''", 8, &config, &error),
                     STATUS_CONFIG);
    assert_non_null(strstr(error.text, ": \"\": expected a name"));
    assert_int_equal(config_parse(name, "", 0, &config, &error), STATUS_CONFIG);
    assert_non_null(strstr(error.text, "there is nothing to do"));
}

RUN_TESTS(TEST(unknown_keys_get_the_nearest_known_one),
          TEST(keys_of_later_versions_are_never_ignored),
          TEST(health_checks_that_cannot_be_are_told),
          TEST(the_wrong_kind_of_thing_is_told_with_the_right_one),
          TEST(impossible_values_are_told_with_possible_ones),
          TEST(what_is_missing_or_contradicts_is_told),
          TEST(what_is_not_yaml_is_told_with_its_place),
          TEST(values_lists_and_services_are_bounded),
          TEST(a_long_name_does_not_push_out_what_is_wrong))
