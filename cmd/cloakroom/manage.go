package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/cloakroom-go/cloakroom"
)

func runSweep(ctx context.Context, t terminal, args []string) error {
	rawURL, err := parseURL(newFlags("sweep"), args)
	if err != nil {
		return err
	}
	return withStore(ctx, t, rawURL, "", func(m *cloakroom.Manager) error {
		n, err := m.Sweep(ctx)
		if err != nil {
			return fmt.Errorf("%w (%s removed before that)", err, count(n, "expired record"))
		}
		_, err = fmt.Fprintf(t.out, "%s removed\n", count(n, "expired record"))
		return err
	})
}

func runList(ctx context.Context, t terminal, args []string) error {
	fs := newFlags("list")
	owner := fs.String("owner", "", "")
	application := fs.String("application", "", "")
	rawURL, err := parseURL(fs, args)
	if err != nil {
		return err
	}
	switch {
	case isSet(fs, "owner") && *owner == "":
		return usagef("--owner is empty")
	case isSet(fs, "application") && *application == "":
		return usagef("--application is empty")
	}
	return withStore(ctx, t, rawURL, *application, func(m *cloakroom.Manager) error {
		sessions := m.All(ctx)
		if *owner != "" {
			sessions = m.Owned(ctx, *owner)
		}
		out := bufio.NewWriter(t.out)
		w := table{out: out, aligned: t.isTTY}
		began := false
		for info, err := range sessions {
			if errors.Is(err, errors.ErrUnsupported) {
				return errors.New("this store cannot list its sessions")
			}
			if err != nil {
				_ = out.Flush() // the rows before the error
				return err
			}
			if !began {
				began = true
				w.header()
			}
			if err := w.row(&info); err != nil {
				return err
			}
		}
		if !began {
			w.header()
		}
		return out.Flush()
	})
}

func runRevoke(ctx context.Context, t terminal, args []string) error {
	fs := newFlags("revoke")
	owner := fs.String("owner", "", "")
	application := fs.String("application", "", "")
	id := fs.String("id", "", "")
	rawURL, err := parseURL(fs, args)
	switch {
	case err != nil:
		return err
	case *owner == "":
		return usagef("--owner is missing")
	case isSet(fs, "id") && *id == "":
		return usagef("--id is empty")
	case isSet(fs, "application") && *application == "":
		return usagef("--application is empty")
	}
	return withStore(ctx, t, rawURL, *application, func(m *cloakroom.Manager) error {
		n := 1
		var err error
		if *id == "" {
			n, err = m.RevokeOwned(ctx, *owner)
		} else {
			err = m.Revoke(ctx, *owner, *id)
		}
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			return errors.New("this store cannot list an owner's sessions, " +
				"and so cannot revoke them")
		case *id != "" && errors.Is(err, cloakroom.ErrNotFound):
			return fmt.Errorf("owner %q has no session %q", *owner, *id)
		case err != nil && *id == "":
			return fmt.Errorf("%w (%s ended before that)", err, count(n, "session"))
		case err != nil:
			return err
		}
		_, err = fmt.Fprintf(t.out, "%s ended\n", count(n, "session"))
		return err
	})
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
