package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// busy fills a [together] with statements that last until the function that it returns
// is called.
func busy(t *testing.T, run func(context.Context, []*member)) (*together, func()) {
	t.Helper()
	var group together
	group.init(run)
	end := make(chan struct{})
	for range 2 * group.most {
		go func() {
			_ = group.do(context.Background(), &member{}, func() error { <-end; return nil })
		}()
	}
	synctest.Wait()
	return &group, func() { close(end) }
}

func never() error { return errors.New("it was done alone") }

// Whoever comes while enough statements are under way is done together with all others who do.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var parties [][]string
		group, end := busy(t, func(_ context.Context, list []*member) {
			var ids []string
			for _, m := range list {
				ids = append(ids, m.id)
				m.alone = m.id == "3"
				if m.id == "4" {
					m.err = store.ErrConflict
				}
			}
			parties = append(parties, ids)
		})
		results := make([]error, 6)
		alone := make([]bool, 6)
		for i := range results {
			ctx, cancel := context.WithCancel(t.Context())
			if i == 5 {
				cancel() // it came, and went before its turn
			}
			go func() {
				defer cancel()
				results[i] = group.do(ctx, &member{id: fmt.Sprint(i)}, func() error { alone[i] = true; return nil })
			}()
			synctest.Wait()
		}
		end()
		synctest.Wait()
		if len(parties) != 1 || !slices.Equal(parties[0], []string{"0", "1", "2", "3", "4"}) {
			t.Errorf("statements for %v, want one for the five who waited", parties)
		}
		want := []error{nil, nil, nil, nil, store.ErrConflict, context.Canceled}
		if !slices.Equal(results, want) {
			t.Errorf("results are %v, want %v", results, want)
		}
		if !slices.Equal(alone, []bool{3: true, 5: false}) {
			t.Errorf("done alone: %v, want the one for whom nothing was done", alone)
		}
		if group.running != 0 {
			t.Errorf("%d statements are under way", group.running)
		}
	})
}

// Who waits as the only one is done alone, and leaves as others do.
func TestTogetherOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group, end := busy(t, func(_ context.Context, list []*member) { t.Errorf("a statement for %d", len(list)) })
		alone := 0
		for range 2 { // one comes late and one goes early
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				_ = group.do(ctx, &member{}, func() error { alone++; return nil })
			}()
			synctest.Wait()
			if alone == 0 && len(group.waiting) == 2 {
				cancel()
			}
			defer cancel()
		}
		synctest.Wait()
		end()
		synctest.Wait()
		if alone != 1 || group.running != 0 {
			t.Errorf("%d were done alone, %d are under way; want one and none", alone, group.running)
		}
	})
}

// A place that is given to somebody who goes at the same time is not lost.
func TestTogetherGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			group, end := busy(t, func(context.Context, []*member) {})
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				_ = group.do(ctx, &member{}, func() error { return nil })
			}()
			synctest.Wait()
			go cancel()
			go end()
			synctest.Wait()
			if group.running != 0 {
				t.Fatalf("%d statements are under way", group.running)
			}
		}
	})
}

// Whoever waits for statements that do not end gets one more.
func TestTogetherPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran := 0
		group, end := busy(t, func(_ context.Context, list []*member) { ran += len(list) })
		for range 2*maxTogether - 1 {
			go func() {
				if err := group.do(t.Context(), &member{}, never); err != nil {
					t.Error(err)
				}
			}()
		}
		group.mu.Lock()
		before := ran
		group.mu.Unlock()
		if err := group.do(t.Context(), &member{}, never); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * patience) // a statement takes so many at most
		synctest.Wait()
		if before != 0 || ran != 2*maxTogether {
			t.Errorf("%d were done at once and %d in the end, want none and %d", before, ran, 2*maxTogether)
		}
		end()
		synctest.Wait()
		if group.running != 0 {
			t.Errorf("%d statements are under way", group.running)
		}
	})
}

// A statement ends when nobody waits for it any more, and not before.
func TestTogetherAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := false
		var ended error
		group, end := busy(t, func(ctx context.Context, _ []*member) {
			begun = true
			<-ctx.Done()
			ended = ctx.Err()
		})
		var leave []context.CancelFunc
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			leave = append(leave, cancel)
			go func() {
				if err := group.do(ctx, &member{}, never); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		end()
		synctest.Wait()
		leave[0]()
		synctest.Wait()
		if !begun || ended != nil {
			t.Errorf("begun %v, ended by %v while one waits", begun, ended)
		}
		leave[1]()
		synctest.Wait()
		if ended == nil {
			t.Error("it goes on though nobody waits")
		}
	})
}

func TestArrays(t *testing.T) {
	if got, want := texts([]string{`a"b\c`, "", "NULL", "{,}"}), `{"a\"b\\c",NULL,"NULL","{,}"}`; got != want {
		t.Errorf("texts are %s, want %s", got, want)
	}
	if got, want := numbers([]int{1, -20, 300}), "{1,-20,300}"; got != want {
		t.Errorf("numbers are %s, want %s", got, want)
	}
}

// Of several who replace one record, a statement for many is about the first only.
func TestOnePerID(t *testing.T) {
	list := []*member{{id: "a"}, {id: "b"}, {id: "a"}}
	if got := onePerID(list); len(got) != 2 || got[0] != list[0] || got[1] != list[1] {
		t.Errorf("%v", got)
	}
	if list[0].alone || list[1].alone || !list[2].alone {
		t.Error("the last is to be done alone, and no other")
	}
}

// Only errors after which nothing was written let a replacement be done again.
func TestRejected(t *testing.T) {
	s := newTestStore(t, errors.New("no"), Options{Dialect: Postgres})
	for state, want := range map[string]bool{"22001": true, "40P01": true, "42883": true, "53100": true, "": false, "57P01": false, "08006": false, "57014": false, "XX000": false} {
		if got := s.rejected(stateError(state)); got != want {
			t.Errorf("SQLSTATE %q: rejected is %v, want %v", state, got, want)
		}
	}
}

type stateError string

func (e stateError) Error() string    { return "SQLSTATE " + string(e) }
func (e stateError) SQLState() string { return string(e) }
