package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

const helpCopy = `Usage: cloakroom copy [--from-flask] [--lifetime TIME] FROM-URL TO-URL

Copies all live sessions from one store to another, with their owners and both clocks. Tickets
stay valid: nobody is signed out who goes on with the other store. Prints how many were copied,
skipped and failed; it exits with 1 when any failed.

The store at FROM-URL must be able to list, which memcached cannot. The other may be of any kind;
a folder is made if need be.

Stop the application, copy, and start it with the other store: a sign-out during the copying
would be missed. Copying that was interrupted can be run again, and skips what is there already.
It may also be run once before the application is stopped, which shortens the second run:
sessions that changed are brought up to date then, but one that was signed out meanwhile stays in
the other store until it expires. Do not run it again once the other store is in use: a session
that was signed out there would come back. A session that changed in both is left as it is, and
counts as failed.

To a terminal it shows a bar, after counting the sessions. Otherwise it prints a line for every
10,000 sessions. Failures are named by session ID, as list shows it, the first 20 of them; after
20 in a row it gives up.

With --from-flask the sessions at FROM-URL are those of a Flask application with Flask-Session, and
the application that goes on with them at TO-URL shares them with Flask no more: it keeps hashes of
tickets instead of the ids. It must use the cookie that they have, by its name, path and domain.
Signed cookies do not fit; docs/from-flask.md says how to turn the signer off first. Settings of the
Flask application are read from the environment, as demo --flask does.

Flags:

    --from-flask       leave Flask-Session
    --lifetime TIME    with --from-flask: how long sessions live at most from now on (default
                       PERMANENT_SESSION_LIFETIME)

Examples:

    cloakroom copy file:./cloakroom-data file:///var/lib/shop/sessions
    cloakroom copy file:///var/lib/shop/sessions memcached://10.0.0.1:11211,10.0.0.2:11211
    cloakroom copy --from-flask redis://localhost:6379/0 'redis://localhost:6379/0?prefix=shop:'
`

const (
	copyTimeout  = 5 * time.Second // for one session
	copyReport   = 10_000          // sessions
	copyShown    = 20              // failures
	copyInARow   = 20              // failures
	copyMaxBytes = 1 << 30         // whatever limit the application has
	copyValues   = 1 << 16
)

// copyOptions returns the options of the manager that copies.
func copyOptions(t terminal, fromFlask bool, from string, lifetime time.Duration) (o cloakroom.Options, err error) {
	if fromFlask {
		config, err := flaskConfig(from)
		if err == nil {
			o, err = config.Options()
		}
		if err != nil {
			return o, usagef("--from-flask: %s", err)
		}
		if o.Lifetime = lifetime; lifetime == 0 {
			o.Lifetime = o.Idle
		}
		o.Idle = min(o.Idle, o.Lifetime)
	}
	o.Logger, o.MaxBytes, o.MaxValues, o.Timeout = logger(t), copyMaxBytes, copyValues, copyTimeout
	return o, nil
}

func runCopy(ctx context.Context, t terminal, args []string) (err error) {
	fs := newFlags("copy")
	fromFlask := fs.Bool("from-flask", false, "")
	lifetime := fs.Duration("lifetime", 0, "")
	urls, err := parse(fs, args)
	switch {
	case err != nil:
		return err
	case isSet(fs, "lifetime") && !*fromFlask:
		return usagef("--lifetime goes with --from-flask: other sessions keep theirs")
	case isSet(fs, "lifetime") && *lifetime < time.Second:
		return usagef("--lifetime is %v: it must be at least 1s", *lifetime)
	case len(urls) < 2:
		return usagef("two store URLs are wanted, from and to")
	case len(urls) > 2:
		return usagef("two store URLs are wanted, there are %d arguments", len(urls))
	case schemeOf(urls[1]) == "memory":
		return usagef("what is copied to memory: would end with this command")
	}
	options, err := copyOptions(t, *fromFlask, urls[0], *lifetime)
	if err != nil {
		return err
	}
	if err := mustExist(urls[0]); err != nil {
		return err
	}
	from, closeFrom, err := openStore(ctx, urls[0])
	if err != nil {
		return err
	}
	defer closing(closeFrom, &err)
	if schemeOf(urls[0]) == "memory" {
		t.complainf("note: memory: is this process's own memory, so there is nothing in it\n")
	}
	m, err := cloakroom.New(from, options)
	if err != nil {
		return err
	}
	to, closeTo, err := openStore(ctx, urls[1])
	if err != nil {
		return err
	}
	defer closing(closeTo, &err)
	if *fromFlask {
		return copySessions(ctx, t, from, m.CopyWithoutProfile(ctx, to))
	}
	return copySessions(ctx, t, from, m.CopyTo(ctx, to))
}

func closing(c io.Closer, err *error) {
	if closing := c.Close(); *err == nil && closing != nil {
		*err = fmt.Errorf("close the store: %w", closing)
	}
}

// copySessions shows how the copying of the sessions in from goes.
func copySessions(ctx context.Context, t terminal, from cloakroom.Store, copied iter.Seq2[cloakroom.Copied, error]) error {
	p := progress{out: t.out}
	if t.isTTY {
		p.bar = true
		if err := countSessions(ctx, from, &p.total); err != nil {
			return copyFailure(err)
		}
	}
	inARow := 0
	for c, err := range copied {
		if err != nil {
			p.end()
			return copyFailure(fmt.Errorf("%w (%s before that)", err, p.counts()))
		}
		switch {
		case c.Err != nil:
			p.failed++
			inARow++
			if p.failed <= copyShown {
				p.clear()
				t.complainf("failed: %s: %s\n", c.ID, oneLine(c.Err.Error()))
			}
		case c.Written:
			p.copied++
			inARow = 0
		default:
			p.skipped++
			inARow = 0
		}
		p.step()
		if inARow == copyInARow {
			p.end()
			return fmt.Errorf("gave up after %d failures in a row (%s)", inARow, p.counts())
		}
	}
	p.total = p.done() // seals were counted too
	p.end()
	if _, err := fmt.Fprintln(t.out, p.counts()); err != nil {
		return err
	}
	if p.failed > 0 {
		return fmt.Errorf("%s could not be copied", count(p.failed, "session"))
	}
	return nil
}

func copyFailure(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return errors.New("this store cannot list its sessions, so they cannot be copied from it")
	}
	return err
}

// countSessions counts the records of a store, for the bar. It is no more exact than the listing.
func countSessions(ctx context.Context, from cloakroom.Store, n *int) error {
	lister := cloakroom.Complete(from)
	const page = 100
	for cursor := ""; ; {
		entries, next, err := lister.All(ctx, cursor, page)
		if err != nil {
			return err
		}
		*n += len(entries)
		if next == "" {
			return nil
		}
		cursor = next
	}
}
