package cloakotel_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestNothingSecret: a run in which much happens and fails leaves no ticket in any span, metric or
// log, and no value, id or owner in a span or metric.
func TestNothingSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const owner, value = "ann-the-owner", "blue-the-value"
		var log bytes.Buffer
		logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		s := newSite(t, cloakroom.Options{Logger: logger, Events: event.Log(logger)})
		tickets, ids := map[string]bool{}, map[string]bool{}
		var mu sync.Mutex
		s.faulty.Decide = func(op storetest.Op, id string) storetest.Fault {
			mu.Lock()
			defer mu.Unlock()
			if op != storetest.OpAll && op != storetest.OpSweep {
				ids[id] = true // for OpOwned the digest of the owner
			}
			return storetest.Fault{}
		}
		do := func(ticket string, handle func(*cloakroom.Session)) string {
			t.Helper()
			next, _ := s.do(ticket, func(session *cloakroom.Session) {
				handle(session)
				if id := session.ID(); id != "" {
					ids[id] = true
				}
			})
			if next != "" {
				tickets[next] = true
			}
			return next
		}
		fail := func(op storetest.Op, err error, times int) {
			for range times {
				s.faulty.Inject(op, storetest.Failed().Reporting(err))
			}
		}
		// named is an error as a store may return it, which names the record.
		named := func(err error) error {
			for id := range ids {
				err = fmt.Errorf("record %s: %w", id, err)
			}
			return err
		}
		for _, err := range []error{
			errors.New("no"), store.ErrConflict, store.ErrRefused, store.ErrFull, store.ErrTooLarge,
			store.ErrUnreadable, context.Canceled, context.DeadlineExceeded,
		} {
			ticket := do("", set(value))
			ticket = do(ticket, login(owner))
			ticket = do(ticket, func(session *cloakroom.Session) { _ = session.Renew() })
			do(ticket, read)
			for _, op := range []storetest.Op{
				storetest.OpLoad, storetest.OpReplace, storetest.OpMove, storetest.OpCreate,
			} {
				fail(op, named(err), 3)
			}
			do(ticket, set(value+"-2"))
			do(do("", set(value)), login(owner))
			s.pass(10 * time.Minute)
			fail(storetest.OpTouch, named(err), 1)
			do(ticket, read)
			do(ticket, func(session *cloakroom.Session) {
				set(value)(session)
				_, _ = s.sessions.RevokeOwned(event.WithActor(t.Context(), owner), owner)
			})
			do(ticket, read)
			do(do("", set(value)), func(session *cloakroom.Session) { _ = session.Logout() })
		}
		s.pass(24 * time.Hour)
		_, _ = s.sessions.Sweep(t.Context())

		var metrics metricdata.ResourceMetrics
		if err := s.reader.Collect(t.Context(), &metrics); err != nil {
			t.Fatal(err)
		}
		spans := fmt.Sprintf("%+v", s.spans.GetSpans())
		numbers := fmt.Sprintf("%+v", metrics)
		if text, err := json.Marshal(metrics); err == nil {
			numbers += string(text)
		}
		if len(tickets) < 20 || len(ids) < 20 || !strings.Contains(spans, "cloakroom.commit") ||
			!strings.Contains(numbers, "cloakroom.sessions.ended") ||
			!strings.Contains(log.String(), "session created") {
			t.Fatalf("too little has happened: %d tickets, %d ids", len(tickets), len(ids))
		}
		for ticket := range tickets {
			for where, text := range map[string]string{
				"a span": spans, "a metric": numbers, "the log": log.String(),
			} {
				if strings.Contains(text, ticket) {
					t.Errorf("%s has a ticket", where)
				}
			}
		}
		ids[owner], ids[value] = true, true
		for id := range ids {
			if strings.Contains(spans, id) || strings.Contains(numbers, id) {
				t.Errorf("a span or a metric has %q", id)
			}
		}
	})
}
