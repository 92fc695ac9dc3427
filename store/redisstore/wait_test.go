package redisstore

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fakeReplicas answers WAIT so, and scripts and writes as a server that has done them.
func fakeReplicas(have int64) func(words []string) string {
	return func(words []string) string {
		switch words[0] {
		case "WAIT":
			return answerInt(have)
		case "EVALSHA":
			return answerInt(scriptDone)
		case "EVAL": // a load that waits
			return "*2\r\n" + answerBulk("data") + answerInt(-1)
		case "SET":
			if strings.Contains(strings.Join(words, " "), "IFEQ") {
				return answerError("ERR syntax error")
			}
			return answerOK
		case "PEXPIREAT", "DEL":
			return answerInt(1)
		case "GET":
			return answerBulk("data")
		case "PEXPIRETIME":
			return answerInt(-1)
		}
		return ""
	}
}

// A write that too few replicas have fails, whichever command makes it, and so do loads after it.
func TestTooFewReplicas(t *testing.T) {
	r := hourRecord("data", "")
	for name, write := range map[string]func(*Store) error{
		"create":  func(s *Store) error { _, err := s.Create(t.Context(), "id", r); return err },
		"replace": func(s *Store) error { _, err := s.Replace(t.Context(), "id", r, r); return err },
		"touch":   func(s *Store) error { return s.Touch(t.Context(), "id", r, r.Expires) },
		"delete":  func(s *Store) error { return s.Delete(t.Context(), "id", r) },
		"move":    func(s *Store) error { _, err := s.Move(t.Context(), "id", r, r, "new", r); return err },
	} {
		for have, failed := range map[int64]bool{0: true, 1: true, 2: false} {
			s, _ := newFakeStore(t, Options{WaitReplicas: 2}, fakeReplicas(have))
			if err := write(s); (err != nil) != failed || failed && !strings.Contains(err.Error(), "of 2 replicas") {
				t.Errorf("%s, %d replicas have it: %v", name, have, err)
			}
			if _, err := s.Load(t.Context(), "id"); (err != nil) != failed {
				t.Errorf("load after %s, %d replicas have it: %v", name, have, err)
			}
		}
	}
}

func TestUnheld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUnheld()
		if u.noted("a") {
			t.Error("noted without a failure")
		}
		u.note("a")
		u.note("a")
		if !u.noted("a") {
			t.Error("not noted")
		}
		u.clear("a")
		if u.noted("a") {
			t.Error("not cleared")
		}
		u.note("a")
		p, _ := u.place("a")
		p.several = true // as another key would leave it
		if u.clear("a"); !u.noted("a") {
			t.Error("one key cleared the place of two")
		}
		time.Sleep(unheldFor + 1)
		if u.noted("a") {
			t.Error("it does not end")
		}
	})
}
