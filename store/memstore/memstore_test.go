package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/internal/deadline"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// clock is a clock that stands still until it is moved.
type clock struct{ n atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.n.Store(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC).UnixNano())
	return c
}
func (c *clock) now() time.Time          { return time.Unix(0, c.n.Load()) }
func (c *clock) advance(d time.Duration) { c.n.Add(int64(d)) }

func id(n int) string { return fmt.Sprintf("%064x", n) }

func record(c *clock, data string, d time.Duration) store.Record {
	return store.Record{Data: []byte(data), Expires: c.now().Add(d)}
}

func TestLimits(t *testing.T) {
	ctx := t.Context()
	const each = 64 + 10 + 200 // id, data and the stated overhead
	for _, tt := range []struct {
		name string
		opts memstore.Options
		fit  int
	}{
		{"no limit", memstore.Options{}, 50},
		{"records", memstore.Options{MaxRecords: 7}, 7},
		{"bytes", memstore.Options{MaxBytes: 7 * each}, 7},
		{"bytes, one short", memstore.Options{MaxBytes: 7*each - 1}, 6},
		{"both", memstore.Options{MaxRecords: 9, MaxBytes: 7 * each}, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			tt.opts.Now = c.now
			tt.opts.SweepEvery = -1
			s, err := memstore.New(tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			fit := 0
			for i := range 50 {
				_, err := s.Create(ctx, id(i), record(c, "0123456789", time.Minute))
				if err == nil {
					fit++
				} else if !errors.Is(err, store.ErrFull) {
					t.Fatal(err)
				}
			}
			if fit != tt.fit || s.Len() != fit || s.Bytes() != int64(fit*each) {
				t.Fatalf("%d fit, want %d; Len %d, Bytes %d", fit, tt.fit, s.Len(), s.Bytes())
			}
			for i := range fit { // none was evicted
				if _, err := s.Load(ctx, id(i)); err != nil {
					t.Fatal(err)
				}
			}
			c.advance(time.Minute) // expired records make room
			if _, err := s.Create(ctx, id(99), record(c, "0123456789", time.Minute)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestLimitOnReplaceAndMove(t *testing.T) {
	ctx := t.Context()
	c := newClock()
	s, err := memstore.New(memstore.Options{Now: c.now, MaxBytes: 2 * (264 + 100), SweepEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := record(c, strings.Repeat("x", 100), time.Minute)
	for i := range 2 {
		if r.Version, err = s.Create(ctx, id(i), r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Replace(ctx, id(1), r, record(c, strings.Repeat("y", 101), time.Minute)); !errors.Is(err, store.ErrFull) {
		t.Errorf("growing: %v, want ErrFull", err)
	}
	if _, err := s.Replace(ctx, id(1), r, record(c, strings.Repeat("y", 1000), time.Minute)); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("larger than the store: %v, want ErrTooLarge", err)
	}
	if _, err := s.Move(ctx, id(1), r, r, id(2), r); !errors.Is(err, store.ErrFull) {
		t.Errorf("Move: %v, want ErrFull", err)
	}
	if got, err := s.Load(ctx, id(1)); err != nil || got.Version != r.Version {
		t.Errorf("after refusals: %v, %v", got, err)
	}
	if _, err := s.Replace(ctx, id(1), r, record(c, strings.Repeat("y", 100), time.Minute)); err != nil {
		t.Errorf("same size: %v", err)
	}
}

func TestNegativeOptions(t *testing.T) {
	for _, opts := range []memstore.Options{{MaxBytes: -1}, {MaxRecords: -1}} {
		if _, err := memstore.New(opts); err == nil || !strings.Contains(err.Error(), "-1") {
			t.Errorf("%+v: %v, want an error with the value", opts, err)
		}
	}
}

func TestClose(t *testing.T) {
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := store.Record{Data: []byte("x"), Expires: time.Now().Add(time.Hour)}
	if _, err := s.Create(t.Context(), "a", r); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Load(t.Context(), "a"); !errors.Is(err, memstore.ErrClosed) {
		t.Errorf("Load after Close: %v", err)
	}
	if _, _, err := s.Sweep(t.Context(), "", 1); !errors.Is(err, memstore.ErrClosed) {
		t.Errorf("Sweep after Close: %v", err)
	}
}

// In a bubble a goroutine that stayed behind would be a deadlock, and time is exact.
func TestBackgroundSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := memstore.New(memstore.Options{SweepEvery: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			r := store.Record{Data: []byte("x"), Expires: time.Now().Add(time.Duration(i%2+1) * 90 * time.Second)}
			if _, err := s.Create(t.Context(), id(i), r); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []int{1000, 1000, 1000, 500, 0, 0} {
			if s.Len() != want {
				t.Fatalf("%d records, want %d", s.Len(), want)
			}
			time.Sleep(time.Minute - 5*time.Second)
			synctest.Wait()
		}
		s.Create(t.Context(), "a", store.Record{Expires: time.Now().Add(time.Second)})
		time.Sleep(time.Minute)
		synctest.Wait()
		if s.Len() != 0 {
			t.Error("the sweep did not start again after the store was empty")
		}
		s.Close()
	})
}

// Unless told otherwise, the store sweeps once a minute while it has a record.
func TestDefaultSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memstore.Options{})
		r := store.Record{Expires: time.Now().Add(90 * time.Second)}
		if _, err := s.Create(t.Context(), id(1), r); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{1, 1, 0} {
			time.Sleep(50 * time.Second)
			if synctest.Wait(); s.Len() != want {
				t.Errorf("%d records, want %d", s.Len(), want)
			}
		}
	})
}

// A store that is told so does not sweep by itself.
func TestNoSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memstore.Options{SweepEvery: -1})
		r := store.Record{Expires: time.Now().Add(time.Second)}
		if _, err := s.Create(t.Context(), id(1), r); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if synctest.Wait(); s.Len() != 1 {
			t.Errorf("%d records, want 1", s.Len())
		}
	})
}

// A store that was given a clock goes by that alone, also for a context that knows when its
// call began by the real one.
func TestOwnClock(t *testing.T) {
	c := newClock()
	s := open(t, memstore.Options{Now: c.now})
	if _, err := s.Create(t.Context(), id(1), record(c, "x", time.Minute)); err != nil {
		t.Fatal(err)
	}
	var w deadline.Watch
	ctx := w.New(t.Context(), time.Hour, false)
	defer ctx.Release()
	ctx.NoteStart(c.now().Add(24*time.Hour), deadline.Now())
	if _, err := s.Load(ctx, id(1)); err != nil {
		t.Error(err)
	}
}

func TestBadCursor(t *testing.T) {
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, cursor := range []string{"x", "-1", "1:x", "999:1", "1:99999999999"} {
		if _, _, err := s.All(t.Context(), cursor, 1); err == nil {
			t.Errorf("All accepted cursor %q", cursor)
		}
	}
	if _, _, err := s.Owned(t.Context(), "o", "-1", 1); err == nil {
		t.Error("Owned accepted cursor -1")
	}
	if page, next, err := s.All(t.Context(), "63:1000", 1); len(page) != 0 || next != "" || err != nil {
		t.Errorf("a cursor past the end: %v %q %v", page, next, err)
	}
}

// Every operation says that the store is closed, and what a context that is done cut short.
func TestEveryOperation(t *testing.T) {
	c := newClock()
	s := open(t, memstore.Options{Now: c.now})
	r := record(c, "x", time.Minute)
	v, err := s.Create(t.Context(), id(1), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Version = v
	do := map[string]func(ctx context.Context) error{
		"load": func(ctx context.Context) error {
			_, err := s.Load(ctx, id(1))
			return err
		},
		"create": func(ctx context.Context) error {
			_, err := s.Create(ctx, id(2), r)
			return err
		},
		"replace": func(ctx context.Context) error {
			_, err := s.Replace(ctx, id(1), r, r)
			return err
		},
		"touch":  func(ctx context.Context) error { return s.Touch(ctx, id(1), r, r.Expires) },
		"delete": func(ctx context.Context) error { return s.Delete(ctx, id(1), r) },
		"move": func(ctx context.Context) error {
			_, err := s.Move(ctx, id(1), r, r, id(3), r)
			return err
		},
		"list by owner": func(ctx context.Context) error {
			_, _, err := s.Owned(ctx, "ann", "", 1)
			return err
		},
		"list": func(ctx context.Context) error {
			_, _, err := s.All(ctx, "", 1)
			return err
		},
		"sweep": func(ctx context.Context) error {
			_, _, err := s.Sweep(ctx, "", 1)
			return err
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, f := range do {
		if err := f(ctx); !errors.Is(err, context.Canceled) ||
			!strings.HasPrefix(err.Error(), "memstore: "+name+": ") {
			t.Errorf("%s: %v, want context.Canceled", name, err)
		}
	}
	if got, err := s.Load(t.Context(), id(1)); err != nil || got.Version != v || s.Len() != 1 {
		t.Errorf("something was done all the same: %v, %v", got, err)
	}
	s.Close()
	for name, f := range do {
		if err := f(t.Context()); !errors.Is(err, memstore.ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", name, err)
		}
	}
}

// A record of exactly MaxBytes fits, and one of a byte more never will.
func TestTooLarge(t *testing.T) {
	c := newClock()
	s := open(t, memstore.Options{Now: c.now, MaxBytes: 264 + 50, SweepEvery: -1})
	most := record(c, strings.Repeat("x", 50), time.Minute)
	more := record(c, strings.Repeat("x", 51), time.Minute)
	if _, err := s.Create(t.Context(), id(1), more); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("create: %v, want ErrTooLarge", err)
	}
	v, err := s.Create(t.Context(), id(1), most)
	if err != nil {
		t.Fatal(err)
	}
	old := store.Record{Version: v}
	if _, err := s.Replace(t.Context(), id(1), old, more); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("replace: %v, want ErrTooLarge", err)
	}
	for _, two := range [][2]store.Record{{more, most}, {most, more}} {
		_, err := s.Move(t.Context(), id(1), old, two[0], id(2), two[1])
		if !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("move: %v, want ErrTooLarge", err)
		}
	}
	if v, err = s.Replace(t.Context(), id(1), old, most); err != nil {
		t.Error(err)
	}
	old.Version = v
	if _, err := s.Replace(t.Context(), id(1), old, record(c, "", time.Minute)); err != nil {
		t.Error(err)
	}
	if s.Bytes() != 264 {
		t.Errorf("%d bytes, want 264", s.Bytes())
	}
}

// At a limit, expired records make room for each kind of write, and those alone.
func TestRoom(t *testing.T) {
	const limit = 20_000 // so many that a shard has more than one batch of a sweep
	ctx, c := t.Context(), newClock()
	s := open(t, memstore.Options{Now: c.now, MaxRecords: limit, SweepEvery: -1})
	fill := func() {
		t.Helper()
		for i := s.Len(); i < limit; i++ {
			if _, err := s.Create(ctx, id(1000+i), record(c, "", time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
	}
	old := record(c, "", time.Hour)
	var err error
	if old.Version, err = s.Create(ctx, id(1), old); err != nil {
		t.Fatal(err)
	}
	fill()
	next := record(c, "", time.Hour)
	if _, err := s.Move(ctx, id(1), old, next, id(2), next); !errors.Is(err, store.ErrFull) {
		t.Errorf("move: %v, want ErrFull", err)
	}
	c.advance(time.Minute)
	if _, err := s.Move(ctx, id(1), old, next, id(2), next); err != nil {
		t.Errorf("move: %v", err)
	}
	if s.Len() != 2 {
		t.Errorf("%d records, want 2", s.Len())
	}
	small := open(t, memstore.Options{Now: c.now, MaxBytes: 1000, SweepEvery: -1})
	if old.Version, err = small.Create(ctx, id(1), record(c, "", time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err = small.Create(ctx, id(2), record(c, "", time.Minute)); err != nil {
		t.Fatal(err)
	}
	large := record(c, strings.Repeat("x", 600), time.Hour)
	if _, err := small.Replace(ctx, id(1), old, large); !errors.Is(err, store.ErrFull) {
		t.Errorf("replace: %v, want ErrFull", err)
	}
	c.advance(time.Minute)
	if _, err := small.Replace(ctx, id(1), old, large); err != nil {
		t.Errorf("replace: %v", err)
	}
}

// Times are kept to the nanosecond, the zero time as itself, and those that have no
// nanoseconds as the nearest that have.
func TestTimes(t *testing.T) {
	first, last := time.Unix(0, math.MinInt64+1), time.Unix(0, math.MaxInt64)
	for _, c := range []struct{ t, want time.Time }{
		{time.Time{}, time.Time{}},
		{time.Unix(0, 0), time.Unix(0, 0)},
		{time.Unix(1_800_000_000, 1), time.Unix(1_800_000_000, 1)},
		{time.Unix(1<<33-1, 1), time.Unix(1<<33-1, 1)},
		{time.Unix(1<<33, 1), time.Unix(1<<33, 1)},
		{time.Unix(-1<<33, 1), time.Unix(-1<<33, 1)},
		{time.Unix(-1<<33+1, 1), time.Unix(-1<<33+1, 1)},
		{first, first}, {first.Add(-1), first}, {first.Add(1), first.Add(1)},
		{first.AddDate(-100, 0, 0), first},
		{last, last}, {last.Add(1), last}, {last.Add(-1), last.Add(-1)},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), last},
	} {
		if got := memstore.FromNanos(memstore.Nanos(c.t)); !got.Equal(c.want) {
			t.Errorf("%v became %v, want %v", c.t, got, c.want)
		}
	}
}
