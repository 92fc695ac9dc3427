package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

const helpAll = `Cloakroom keeps the sessions of web applications on the server.

Usage:

    cloakroom COMMAND [arguments]

Commands:

    demo      serve a page that shows a session at work
    sweep     remove expired records from a store
    list      list the live sessions in a store
    revoke    end the sessions of an owner
    copy      copy the live sessions from one store to another
    help      tell more about a command: cloakroom help demo
    version   print the version

Stores are named by URL:

    memory:              the memory of one process; its sessions end with it
    file:./folder        files, in a folder below the working directory
    file:///var/folder   files, in a folder by its full path
    cachelib:///folder   the files of Flask-Session's types filesystem and cachelib; it can be
                         swept, and neither list nor revoke
    sqlite:file.db  sqlite:///var/file.db
                         SQLite, in a file below the working directory or by its full path
    postgres://USER:PASSWORD@HOST/DB
                         PostgreSQL; the table is made if it is missing
    mysql://USER:PASSWORD@HOST/DB
                         MySQL or MariaDB, likewise
    redis://HOST:PORT/DB rediss://HOST:PORT/DB
                         Redis or Valkey; with ?cluster=true a Cluster, with
                         ?sentinel_master=NAME what a Sentinel watches
    memcached://HOST:PORT,HOST:PORT
                         memcached, on one server or several; it can neither list nor revoke
    mongodb://HOST:PORT/DB mongodb+srv://NAME/DB
                         MongoDB; with ?collection=NAME another collection than sessions
    dynamodb://TABLE?region=NAME
                         DynamoDB, with the credentials of the environment; with create=true the
                         table is made, endpoint=URL is another place than Amazon's

A URL with a password need not stand among the arguments, where others on the machine may see it:

    @PATH                what the file at PATH holds: one URL
    -                    what the environment variable CLOAKROOM_STORE holds: a URL, or @PATH

Commands that want one store, and are given none, use CLOAKROOM_STORE. No error shows a password.
sweep, list, revoke and the source of copy make no folder, file or table: where there is no
store they say so. A folder or file that others may change is refused, unless its URL has trust=on.

Exit codes: 0 all went well, 1 something failed, 2 the command was called wrongly.
`

const helpHelp = `Usage: cloakroom help [COMMAND]

Prints what the command does, its flags with their units and defaults, and examples.
`

const helpDemo = `Usage: cloakroom demo [--addr HOST:PORT] [--hosts NAMES] [--store URL]
                      [--idle TIME] [--lifetime TIME] [--timeout TIME] [--tls CERT,KEY]
                      [--flask]

Serves a page that shows a session at work: what it holds, signing in and out, the devices where
the user is signed in, fifty requests at once, both clocks, and what all of it costs in store
calls. Other programs can use its routes, which README.md beside this command lists.

Prints one line, "listening on http://HOST:PORT", when it is ready. Logs go to the standard
error output. Stops on SIGINT (Ctrl-C) and SIGTERM, after the requests under way have ended, for
which it waits at most ten seconds.

Flags:

    --addr HOST:PORT   where to listen; port 0 picks a free one (default 127.0.0.1:8080)
    --hosts NAMES      other host names that it answers to, separated by commas. Without it these
                       are localhost, 127.0.0.1, [::1], the one in --addr, and the address that
                       a request came to. Requests by another name, as those of a site whose
                       name was made to lead here, get status 421
    --store URL        where sessions are kept (default CLOAKROOM_STORE, or without that
                       file:./cloakroom-data). memory: holds 100,000 sessions and 64 MiB,
                       unless it has max_records or max_bytes
    --idle TIME        how long a session lives without being used, such as 90s or 30m
                       (default 30m, or the lifetime if that is shorter)
    --lifetime TIME    how long a session lives at most, counted from its start and again from
                       each sign-in (default 12h)
    --timeout TIME     how long loading a session may take, and storing it, from 10ms to 20s
                       (default 1.5s); a request whose session takes longer gets status 503
    --tls CERT,KEY     serve HTTPS, with the certificate and the key in these PEM files
    --flask            share the sessions with a Flask application that has Flask-Session. Its
                       settings are read from the environment, under the names that Flask's
                       from_prefixed_env takes: FLASK_SESSION_TYPE, FLASK_SECRET_KEY and so on. They
                       name the store, or complete --store with the prefix, table and so on; one
                       that contradicts --store is an error. Without either the store is
                       cachelib:flask_session. Defaults of --idle and --lifetime are then
                       PERMANENT_SESSION_LIFETIME and a hundred years

Over plain HTTP the cookie is named "session" and is not Secure, so this is for a machine's own
loopback address alone. With --tls it is "__Host-session" and Secure.

Examples:

    cloakroom demo
    cloakroom demo --addr 127.0.0.1:0 --store memory: --idle 1m --lifetime 5m
    cloakroom demo --addr localhost:8443 --tls cert.pem,key.pem
    cloakroom demo --flask --store cachelib:///var/lib/shop/flask_session
`

const helpSweep = `Usage: cloakroom sweep [URL]

Removes the expired records from a store that does not do so by itself, in batches, and prints how
many there were. It may run while an application uses the store, beside other sweeps, and from cron.
It does for Flask-Session's stores in files and SQL databases what "flask session_cleanup" does.

memory: is this process's own memory, so there is never anything in it: it says so.

Examples:

    cloakroom sweep file:///var/lib/shop/sessions
    cloakroom sweep cachelib:///var/lib/shop/flask_session
    cloakroom sweep @/etc/shop/store-url
`

const helpList = `Usage: cloakroom list [URL] [--owner NAME] [--application NAME]

Lists the live sessions in a store, in no order, with their ID, owner, start, end unless used, and
address and browser of the latest sign-in. None of it is secret: tickets are not in the store.
A session that begins or ends meanwhile may be listed or not. A store that changes meanwhile may
list one twice.

To a terminal the columns are aligned, and longer text is cut off with an ellipsis. Otherwise they
are complete and separated by tabs. Times are in UTC. What is not printable is shown as "�".

memory: is this process's own memory, so there is never anything in it: it says so.

Flags:

    --owner NAME         list the sessions of this owner alone (default all sessions)
    --application NAME   list those of this application, as Options.Application names it. With
                         --owner it is needed where the application has a name (default all
                         applications, and with --owner those without a name)

Examples:

    cloakroom list file:///var/lib/shop/sessions
    cloakroom list file:./cloakroom-data --owner ada
    cloakroom list file:./cloakroom-data | cut -f 2 | sort | uniq -c
`

const helpRevoke = `Usage: cloakroom revoke [URL] --owner NAME [--id ID] [--application NAME]

Ends all sessions of an owner, or one, and prints how many were ended. No request in flight can
bring one back. Their browsers are signed out.

memory: is this process's own memory, so there is never anything in it: it says so.

Flags:

    --owner NAME         whose sessions (required)
    --id ID              only the session of this ID, as list shows it; it fails where the owner
                         has no such session (default all sessions of the owner)
    --application NAME   which application's, as Options.Application names it (default one
                         without a name)

Examples:

    cloakroom revoke file:///var/lib/shop/sessions --owner ada
    cloakroom revoke file:./cloakroom-data --owner ada --id 1B2M2Y8AsgTpgAmY7PhCfg
`

const helpVersion = `Usage: cloakroom version

Prints the version of this command and of the Go toolchain that built it.
`

func runVersion(_ context.Context, t terminal, args []string) error {
	others, err := parse(newFlags("version"), args)
	if err != nil {
		return err
	}
	if len(others) > 0 {
		return usagef("unexpected argument %q", others[0])
	}
	version := "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	_, err = fmt.Fprintf(t.out, "cloakroom %s %s\n", version, runtime.Version())
	return err
}
