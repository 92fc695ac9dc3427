package redisstore

import (
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/store"
)

// An entry of an owner's index stays for as long as its record may live.
func TestIndexEntryEnds(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name              string
		expires, deadline time.Time
		want              int64
	}{
		{"until the deadline", now.Add(time.Hour), now.Add(48 * time.Hour), millis(now.Add(48 * time.Hour))},
		{"until a later expiry", now.Add(72 * time.Hour), now.Add(48 * time.Hour), millis(now.Add(72 * time.Hour))},
		{"for ever without a deadline", now.Add(time.Hour), time.Time{}, 0},
	} {
		s, f := newFakeStore(t, Options{}, func([]string) string { return answerInt(scriptDone) })
		r := store.Record{Owner: "ann", Expires: tt.expires, Deadline: tt.deadline}
		if err := s.index(t.Context(), "id", store.Record{}, r); err != nil {
			t.Fatal(err)
		}
		if words := strings.Fields(f.commands[0]); words[len(words)-3] != "id" || words[len(words)-2] != decimal(tt.want) {
			t.Errorf("%s: %q, want %d", tt.name, words, tt.want)
		}
	}
}

func TestForgettable(t *testing.T) {
	now := time.Now().UnixMilli()
	grace := store.IndexGrace.Milliseconds()
	for entry, want := range map[string]bool{
		decimal(now) + ":0":           false,
		decimal(now-grace) + ":0":     false,
		decimal(now-grace-1) + ":0":   true,
		decimal(now+5000) + ":999999": false,
		"":                            true,
		"rubbish":                     true,
	} {
		if got := (indexed{entry: entry}).forgettable(now); got != want {
			t.Errorf("%q: %v, want %v", entry, got, want)
		}
	}
}
