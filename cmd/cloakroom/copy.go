package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cloakroom-go/cloakroom"
)

const helpCopy = `Usage: cloakroom copy FROM-URL TO-URL

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

Examples:

    cloakroom copy file:./cloakroom-data file:///var/lib/shop/sessions
    cloakroom copy file:///var/lib/shop/sessions memcached://10.0.0.1:11211,10.0.0.2:11211
`

const (
	copyTimeout  = 5 * time.Second // for one session
	copyReport   = 10_000          // sessions
	copyShown    = 20              // failures
	copyInARow   = 20              // failures
	copyMaxBytes = 1 << 30         // whatever limit the application has
	copyValues   = 1 << 16
)

func runCopy(ctx context.Context, t terminal, args []string) (err error) {
	urls, err := parse(newFlags("copy"), args)
	switch {
	case err != nil:
		return err
	case len(urls) < 2:
		return usagef("two store URLs are wanted, from and to")
	case len(urls) > 2:
		return usagef("two store URLs are wanted, there are %d arguments", len(urls))
	case schemeOf(urls[1]) == "memory":
		return usagef("what is copied to memory: would end with this command")
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
	m, err := cloakroom.New(from, cloakroom.Options{
		Logger: logger(t), MaxBytes: copyMaxBytes, MaxValues: copyValues, Timeout: copyTimeout,
	})
	if err != nil {
		return err
	}
	to, closeTo, err := openStore(ctx, urls[1])
	if err != nil {
		return err
	}
	defer closing(closeTo, &err)
	return copySessions(ctx, t, from, m, to)
}

func closing(c io.Closer, err *error) {
	if closing := c.Close(); *err == nil && closing != nil {
		*err = fmt.Errorf("close the store: %w", closing)
	}
}

func copySessions(ctx context.Context, t terminal, from cloakroom.Store, m *cloakroom.Manager, to cloakroom.Store) error {
	p := progress{out: t.out}
	if t.isTTY {
		p.bar = true
		if err := countSessions(ctx, from, &p.total); err != nil {
			return copyFailure(err)
		}
	}
	inARow := 0
	for c, err := range m.CopyTo(ctx, to) {
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
