package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

const helpCopy = `Usage: cloakroom copy [--from-flask] [--lifetime TIME] FROM-URL TO-URL

Copies all live sessions from one store to another, with their owners and both clocks. Tickets
stay valid with the other store. Prints how many sessions were copied, skipped since they were
there, and failed, and how many other keys that begin alike were left
alone; it exits with 1 when any session failed.

The store at FROM-URL must be able to list, which memcached cannot. The other may be of any kind;
a folder is made if need be. A store without any session is said to be so, which is no failure.

Stop the application, copy, and start it with the other store: a sign-out during the copying
would be missed. Copying that was interrupted can be run again, and skips what is there already.
It may also be run once before the application is stopped, which shortens the second run:
sessions that changed are brought up to date then, but one that was signed out meanwhile stays in
the other store until it expires. Do not run it again once the other store is in use: a session
that was signed out there would come back. A session that changed in both is left as it is, and
counts as failed.

To a terminal it shows a bar, after counting the sessions. Otherwise it prints a line for every
10,000 sessions. Failures are named by session ID, as list shows it, the first 20 of them.

With --from-flask the sessions at FROM-URL are those of a Flask application with Flask-Session, and
the application that goes on with them at TO-URL shares them with Flask no more: it keeps hashes of
tickets instead of the ids. It must use the cookie that they have, by its name, path and domain.
Signed cookies do not fit; docs/from-flask.md says how to turn the signer off first. Sessions with
ids of another length, as UUIDs of Flask-Session before 0.6, need Options.FormerTickets: it says so.

FROM-URL is completed from the application's settings, which are read from the environment under
the names that Flask's from_prefixed_env takes: FLASK_SESSION_KEY_PREFIX, FLASK_SESSION_TYPE,
FLASK_SESSION_SQLALCHEMY_TABLE and so on. One that contradicts FROM-URL is an error. FROM-URL may be
SQLAlchemy's, such as postgresql+psycopg2://. No session at all is a failure then, which says by
which prefix and table they were looked for.

Flags:

    --from-flask       leave Flask-Session
    --lifetime TIME    with --from-flask: how long sessions live at most from now on (default
                       PERMANENT_SESSION_LIFETIME)

Examples:

    cloakroom copy file:./cloakroom-data file:///var/lib/shop/sessions
    cloakroom copy file:///var/lib/shop/sessions memcached://10.0.0.1:11211,10.0.0.2:11211
    cloakroom copy - @/etc/shop/new-store-url
    cloakroom copy --from-flask redis://localhost:6379/0 'redis://localhost:6379/0?prefix=shop:'
    FLASK_SESSION_KEY_PREFIX=web: cloakroom copy --from-flask redis://localhost file:./sessions
`

const (
	copyTimeout  = 5 * time.Second // for one session
	copyReport   = 10_000          // sessions
	copyShown    = 20              // failures
	copyMaxBytes = 1 << 30         // above any limit that an application has
	copyValues   = 1 << 16         // likewise
)

// copySource is where sessions are copied from.
type copySource struct {
	url       string
	options   cloakroom.Options
	fromFlask bool
	lookedFor string // the settings of Flask by which the sessions are found
}

// newCopySource returns the source at a URL. With --from-flask, Flask's settings complete
// the URL.
func newCopySource(
	t terminal, fromFlask bool, from string, lifetime time.Duration,
) (copySource, error) {
	s := copySource{url: from, fromFlask: fromFlask}
	o := &s.options
	if fromFlask {
		complete, config, err := flaskSource(from)
		if err == nil {
			*o, err = config.Options()
		}
		if err != nil {
			return s, usagef("--from-flask: %s", storeurl.Hide(err, from))
		}
		s.url, s.lookedFor = complete, lookedFor(config)
		if o.Lifetime = lifetime; lifetime == 0 {
			o.Lifetime = o.Idle
		}
		o.Idle = min(o.Idle, o.Lifetime)
	}
	o.Logger, o.MaxBytes, o.MaxValues, o.Timeout = logger(t), copyMaxBytes, copyValues, copyTimeout
	return s, nil
}

// nothing reports a store without any session.
func (s *copySource) nothing(t terminal, other int) error {
	if !s.fromFlask {
		t.complainf("note: there was no session to copy\n")
		return nil
	}
	beside := ""
	if other > 0 {
		beside = ", only " + count(other, "key") + " of something else"
	}
	return fmt.Errorf("found no session of Flask by %s%s: "+
		"set FLASK_ and the name of what the application has otherwise", s.lookedFor, beside)
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
	}
	for i := range urls {
		if urls[i], err = storeURL(urls[i]); err != nil {
			return err
		}
	}
	if schemeOf(urls[1]) == "memory" {
		return usagef("what is copied to memory: would end with this command")
	}
	source, err := newCopySource(t, *fromFlask, urls[0], *lifetime)
	if err != nil {
		return err
	}
	defer func() { err = storeurl.Hide(storeurl.Hide(err, source.url), urls[1]) }()
	from, closeFrom, err := source.open(ctx, t)
	if err != nil {
		return err
	}
	defer closing(closeFrom, &err)
	m, err := cloakroom.New(from, source.options)
	if err != nil {
		return err
	}
	to, closeTo, err := openStore(ctx, urls[1])
	if err != nil {
		return err
	}
	defer closing(closeTo, &err)
	copied := m.CopyTo(ctx, to, cloakroom.CopyOptions{WithoutProfile: source.fromFlask})
	return source.show(ctx, t, from, copied)
}

// open opens the store to copy from, which must exist.
func (s *copySource) open(ctx context.Context, t terminal) (store.Store, io.Closer, error) {
	if err := mustExist(s.url); err != nil {
		return nil, nil, err
	}
	from, closer, err := openStore(ctx, makingNothing(s.url))
	if err != nil && s.fromFlask {
		return nil, nil, fmt.Errorf("%w (with %s)", err, s.lookedFor)
	}
	if err == nil && schemeOf(s.url) == "memory" {
		t.complainf("note: memory: is this process's own memory, so there is nothing in it\n")
	}
	return from, closer, err
}

func closing(c io.Closer, err *error) {
	if closing := c.Close(); *err == nil && closing != nil {
		*err = fmt.Errorf("close the store: %w", closing)
	}
}

// show goes through what is copied from the store and shows the progress.
func (s *copySource) show(
	ctx context.Context, t terminal,
	from store.Store, copied iter.Seq2[cloakroom.CopyResult, error],
) error {
	p := progress{out: t.out}
	if t.isTTY {
		p.bar = true
		if err := countSessions(ctx, from, &p.total); err != nil {
			return copyFailure(err)
		}
	}
	former := 0
	for c, err := range copied {
		if err != nil {
			p.end()
			return copyFailure(fmt.Errorf("%w (%s before that)", err, p.counts()))
		}
		if p.add(c) && p.failed <= copyShown {
			p.clear()
			t.complainf("failed: %s: %s\n", c.ID, oneLine(c.Err.Error()))
		}
		if c.Former && c.Err == nil {
			former++
		}
		p.step()
	}
	p.total = p.done() // the count included seals
	p.end()
	if _, err := fmt.Fprintln(t.out, p.counts()); err != nil {
		return err
	}
	if former > 0 {
		t.complainf("note: %s with a cookie that is no ticket: "+
			"give the application Options.FormerTickets, or they are signed out\n",
			count(former, "session"))
	}
	switch {
	case p.failed > 0:
		return fmt.Errorf("%s could not be copied", count(p.failed, "session"))
	case p.copied+p.skipped == 0:
		return s.nothing(t, p.other)
	}
	return nil
}

func copyFailure(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return errors.New("this store cannot list its sessions, so they cannot be copied from it")
	}
	return err
}

// countSessions adds the number of records in a store to n, for the bar. It is no more
// exact than the listing.
func countSessions(ctx context.Context, from store.Store, n *int) error {
	lister := store.Complete(from)
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
