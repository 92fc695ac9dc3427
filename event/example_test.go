package event_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/event"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// An audit log is one option. Sessions appear by their public IDs, which this example leaves out.
func ExampleLog() {
	audit := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key {
			case slog.TimeKey, "session", "former":
				return slog.Attr{}
			}
			return a
		},
	}))
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	sessions, err := cloakroom.New(store, cloakroom.Options{Events: event.Log(audit)})
	if err != nil {
		panic(err)
	}
	signInAndOut := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := sessions.Get(r)
		if s.Login("ann") != nil || s.Save() != nil {
			return // the middleware answers
		}
		_ = s.Logout()
	}))
	signInAndOut.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
	// Output:
	// level=INFO msg="session created" owner=ann ip=192.0.2.1
	// level=INFO msg="session signed in" owner=ann ip=192.0.2.1
	// level=INFO msg="session ended" owner=ann actor=ann ip=192.0.2.1 reason="signed out"
}

// A listener that takes its time hands events on, and decides what is lost when they come faster
// than they go: here the newest.
func Example_queue() {
	mails := make(chan event.Event, 100)
	listener := func(_ context.Context, e event.Event) {
		if e.Kind != event.SignedIn {
			return
		}
		select {
		case mails <- e:
		default: // the queue is full
		}
	}
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	sessions, err := cloakroom.New(store, cloakroom.Options{Events: listener})
	if err != nil {
		panic(err)
	}
	s := sessions.OpenWith(context.Background(), cloakroom.Visit{UserAgent: "Firefox"})
	defer s.Close()
	if s.Login("ann") != nil || s.Save() != nil {
		panic(s.Err())
	}
	e := <-mails
	fmt.Println("mail to", e.Owner, "about", e.UserAgent)
	// Output: mail to ann about Firefox
}

// Who acts can be told by the program, where the sessions do not know it.
func ExampleWithActor() {
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	sessions, err := cloakroom.New(store, cloakroom.Options{
		Events: func(_ context.Context, e event.Event) {
			if e.Kind == event.Ended {
				fmt.Printf("%s's session: %s by %s\n", e.Owner, e.Reason, e.Actor)
			}
		},
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	s := sessions.Open(ctx, "")
	defer s.Close()
	if s.Login("ann") != nil || s.Save() != nil {
		panic(s.Err())
	}
	if _, err := sessions.RevokeOwned(event.WithActor(ctx, "offboarding"), "ann"); err != nil {
		panic(err)
	}
	// Output: ann's session: revoked by offboarding
}
