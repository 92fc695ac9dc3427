package report

const introduction = `# Performance

What sessions cost, with Cloakroom and with other libraries, on the same requests, payloads and
servers, interleaved in one run. This page is written by a command, which you can repeat:

	make bench         # this page, in about half an hour
	make bench-quick   # the ratios with a limit, in two minutes

It installs the servers and Flask-Session if it may (as root on Debian), and leaves out what is
missing. Times differ from machine to machine; what should not is how many times as much one
library takes as another. So each cell is measured in every round, every round begins with another
cell, and a ratio is the median of the ratios in each round.

## The limits that we hold ourselves to

The peer's cost divided by ours, both less what the bare handler takes, unless it says otherwise.
` + "`read/load`" + ` is our read divided by the store's bare Load;
` + "`throughput`" + ` is requests a second over HTTP, everything included;
` + "`growth`" + ` is a read among the most sessions divided by one among the fewest;
` + "`increments`" + ` is store calls for each of 1,000 increments of one value by 100 goroutines;
` + "`bytes`" + ` is what a record takes in memory beyond its data.
What stops those that do not hold is told in [limits](performance-limits.md).

`

const aloneText = `One client, in processor time of the whole process, garbage collection
included, beside what the bare handler takes. The handler, the request and the response are the
same; nothing is sent over a network.
`

const crowdedText = `Each client has a session of its own and asks as fast as it is answered.
Server and clients share the machine's processors. Sections that do not say "over HTTP" call the
handler directly, so what is measured is the library, the store's client and the server; those
that do say so run each server as a process of its own, with real connections, and compare as a
whole.
`

const growthText = `Each request is one of all sessions, drawn by lot. Memory, files and
SQLite: one client, processor time. Servers: 16 clients, by the clock. What a session takes is
its whole record, with its id, index and whatever the store needs. Flask-Session's file store
(cachelib) is called without Flask around it, with a threshold above the number of sessions, or
it would evict live ones.

`

const method = `
## How it is measured

- Untouched: the handler does not look at the session. Read: one string. Write: one string,
  another one each time. Sign-in: a new ticket for the same session. The session holds one string
  of 100 B, 1 KB or 10 KB.
- All answers are checked, and after each measurement whether what was written latest is there.
- Store calls and bytes on the wire are counted in requests of their own. Bytes are those that
  Redis counts (INFO), or that pass the connections of the client (PostgreSQL, Memcached), both
  ways.
- Rounds are many and short, since a machine that is shared changes its pace from one second to
  the next.
- Valkey stands beside Redis because it compares and swaps by a command since 8.1, for which Redis
  7 needs a script; only the small record is measured there.
- Cloakroom has its defaults. Redis is opened by URL; "default-client" is a rueidis client as it
  comes, "near" has the near cache.
- scs has its defaults, with encoding/gob, and once with JSON; no idle timeout, which would add a
  write to each request; no background cleanup; 128 connections of go-redis, which were faster
  than fewer; as many of pgx as ours.
- gorilla/sessions and gin-contrib/sessions sign and do not encrypt; they have no new ticket at
  sign-in. They keep the session in the request, so each of theirs is a copy, as is that of the
  bare handler that is subtracted. gorilla's file store never waits for the disk, so neither does
  ours there; "synced" is ours with its default, which does.
- Fiber has its own server and go-redis with 128 connections. Flask-Session 0.8 is on gunicorn
  with one worker a core, of 8 threads each, which keep connections open and were faster than its
  other workers, and with hiredis; it writes changed sessions only (SESSION_REFRESH_EACH_REQUEST
  is off).
- SQLite is modernc.org/sqlite for both, write-ahead log, synchronous=normal for both. PostgreSQL
  does not wait for the disk, for both.
`
