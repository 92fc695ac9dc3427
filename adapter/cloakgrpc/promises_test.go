package cloakgrpc_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgrpc"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// actions are what most tests do in a session.
func actions(ctx context.Context, in string) (string, error) {
	s := cloakgrpc.Get(ctx)
	what, value, _ := strings.Cut(in, " ")
	switch what {
	case "alone":
	case "read":
		return name.Get(s), nil
	case "set":
		name.Set(s, value)
	case "fail":
		name.Set(s, value)
		return "", status.Error(codes.NotFound, "no such thing")
	case "login":
		return "", s.Login(value)
	case "logout":
		return "", s.Logout()
	}
	return "done", nil
}

// TestCost: a call that leaves its session alone makes no call of the store and gets
// nothing in its header; a read makes one call, a change one more.
func TestCost(t *testing.T) {
	s := newSite(t, cloakroom.Options{}, service{do: actions})
	p := s.program()
	p.do("set ann")
	for in, want := range map[string]countstore.Stats{
		"alone":   {},
		"read":    {Loads: 1},
		"set bob": {Loads: 1, Replaces: 1},
	} {
		var a answer
		calls := s.cost(func() { a = p.do(in) })
		if calls != want || a.err != nil || len(a.header["session-ticket"]) > 0 {
			t.Errorf("%s: calls %+v, %v", in, calls, a.printable())
		}
	}
}

// TestNoTicket: metadata that holds no ticket costs nothing.
func TestNoTicket(t *testing.T) {
	s := newSite(t, cloakroom.Options{}, service{do: actions})
	p := s.program()
	p.do("set ann")
	ticket := p.session.Ticket()
	p.session.SetTicket("")
	for _, value := range []string{"Bearer no-ticket", "Basic " + ticket, ticket, "Bearer", "", "Bearer a.jwt.of-another"} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", value)
		if calls := s.cost(func() { p.do("read", ctx) }); calls != (countstore.Stats{}) {
			t.Errorf("%.20q cost %+v", value, calls)
		}
	}
	for _, value := range []string{"Bearer " + ticket, "bearer  " + ticket + " "} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Basic x", "authorization", value)
		if a := p.do("read", ctx); a.text != "ann" {
			t.Error("a ticket behind another credential is not found")
		}
	}
}

// TestNoLostUpdates: calls of one session at once lose no change.
func TestNoLostUpdates(t *testing.T) {
	const visits = cloakroom.Key[int]("visits")
	s := newSite(t, cloakroom.Options{}, service{do: func(ctx context.Context, _ string) (string, error) {
		n, err := visits.UpdateNow(cloakgrpc.Get(ctx), func(n int) int { return n + 1 })
		return fmt.Sprint(n), err
	}})
	p := s.program()
	p.do("")
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { p.do("") })
	}
	all.Wait()
	if a := p.do(""); a.text != "52" {
		t.Errorf("%s visits, want 52", a.text)
	}
}

// TestSignInAndOut: both tell the client its ticket, the old one is dead, and none is
// logged.
func TestSignInAndOut(t *testing.T) {
	s := newSite(t, cloakroom.Options{}, service{do: actions})
	p := s.program()
	p.do("set ann")
	old := p.session.Ticket()
	p.do("login u-17")
	if got := p.stored(); got != "u-17,ann" || p.session.Ticket() == old {
		t.Errorf("signed in: %q, a new ticket: %v", got, p.session.Ticket() != old)
	}
	if got := s.value(old); got != "," {
		t.Errorf("the old ticket: %q", got)
	}
	for info, err := range s.m.Owned(t.Context(), "u-17") {
		if err != nil || info.IP != "127.0.0.1" || !strings.HasPrefix(info.UserAgent, "program/1") {
			t.Errorf("%+v, %v", info, err)
		}
	}
	signedIn := p.session.Ticket()
	a := p.do("logout")
	if p.session.Ticket() != "" || fmt.Sprint(a.header["session-ticket"]) != "[]" || s.value(signedIn) != "," {
		t.Errorf("signed out: %v", a.printable())
	}
	if s.log.Has(old) || s.log.Has(signedIn) {
		t.Error("a ticket was logged")
	}
}

// TestErrors: what was changed before a handler returned an error is committed, and the
// error goes out, with a new ticket.
func TestErrors(t *testing.T) {
	s := newSite(t, cloakroom.Options{}, service{do: actions})
	p := s.program()
	if a := p.do("fail ann"); status.Code(a.err) != codes.NotFound || p.stored() != ",ann" {
		t.Errorf("%v, stored %q", a.printable(), p.stored())
	}
}

// respond does what TestFailedCommit looks at, by the functions of grpc or the methods
// of a stream.
func respond(ctx context.Context, text string) error {
	name.Set(cloakgrpc.Get(ctx), "ann")
	return errors.Join(
		grpc.SetHeader(ctx, metadata.Pairs("x-header", text)),
		grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", text)),
	)
}

// TestFailedCommit: after a commit that fails, nothing of the handler's leaves, and the
// client is told Unavailable, and not why.
func TestFailedCommit(t *testing.T) {
	const secret = "SECRET"
	fails := true // else what the handlers send leaves
	refusedSends := func(errs ...error) {
		for _, err := range errs {
			if fails && status.Code(err) != codes.Unavailable {
				t.Errorf("sending: %v", err)
			}
		}
	}
	for what, handler := range map[string]service{
		"at the end": {
			do: func(ctx context.Context, _ string) (string, error) { return secret, respond(ctx, secret) },
			stream: func(stream grpc.ServerStream) error {
				stream.SetHeader(metadata.Pairs("x-header", secret))
				stream.SetTrailer(metadata.Pairs("x-trailer", secret))
				return respond(stream.Context(), secret)
			},
		},
		"with an error": {
			do: func(ctx context.Context, _ string) (string, error) {
				respond(ctx, secret)
				return secret, status.Error(codes.NotFound, secret)
			},
			stream: func(stream grpc.ServerStream) error {
				respond(stream.Context(), secret)
				return status.Error(codes.NotFound, secret)
			},
		},
		"at the header": {
			do: func(ctx context.Context, _ string) (string, error) {
				respond(ctx, secret)
				md := metadata.Pairs("x-sent", secret)
				refusedSends(grpc.SendHeader(ctx, md), grpc.SendHeader(ctx, md))
				return secret, nil
			},
			stream: func(stream grpc.ServerStream) error {
				respond(stream.Context(), secret)
				refusedSends(stream.SendHeader(metadata.Pairs("x-sent", secret)), stream.SendMsg(wrapperspb.String(secret)))
				return nil
			},
		},
		"at the first message": {
			do: func(ctx context.Context, _ string) (string, error) { return secret, respond(ctx, secret) },
			stream: func(stream grpc.ServerStream) error {
				respond(stream.Context(), secret)
				refusedSends(stream.SendMsg(wrapperspb.String(secret)), stream.SendMsg(wrapperspb.String(secret)))
				return nil
			},
		},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, cloakroom.Options{}, handler)
			p := s.program()
			fails = true
			for how, do := range map[string]func() answer{
				"call":   func() answer { return p.do("") },
				"stream": func() answer { return p.streamed("") },
			} {
				s.store.Inject(storetest.OpCreate, refused)
				a := do()
				text := fmt.Sprint(a)
				if status.Code(a.err) != codes.Unavailable || strings.Contains(text, secret) || p.session.Ticket() != "" {
					t.Errorf("%s: %v", how, a.printable())
				}
				if strings.Contains(text, cloakroom.ErrRefused.Error()) || !s.log.Has("response not sent") {
					t.Errorf("%s: %v, logged:\n%s", how, a.printable(), s.log)
				}
				p.session.SetTicket("")
			}
			if !s.log.Has("method=/test.Service/Do") || !s.log.Has("method=/test.Service/Stream") {
				t.Errorf("logged:\n%s", s.log)
			}
			fails = false
			for _, a := range []answer{p.do(""), p.streamed("")} {
				if !strings.Contains(fmt.Sprint(a.header["x-header"]), secret) || !strings.Contains(fmt.Sprint(a.trailer["x-trailer"]), secret) {
					t.Errorf("where the commit succeeds: %v", a.printable())
				}
			}
		})
	}
}

// TestFailedLoad: a response that was made of a session that could not be loaded is not
// sent.
func TestFailedLoad(t *testing.T) {
	s := newSite(t, cloakroom.Options{}, service{do: actions})
	p := s.program()
	p.do("set ann")
	s.store.Inject(storetest.OpLoad, refused)
	if a := p.do("read"); status.Code(a.err) != codes.Unavailable || a.text != "" {
		t.Errorf("%v", a.printable())
	}
}

// TestEnded: changes of a session that ended meanwhile are dropped, and the response goes
// out without a ticket.
func TestEnded(t *testing.T) {
	var s *site
	late := func(ctx context.Context) error {
		name.Set(cloakgrpc.Get(ctx), "late")
		_, err := s.m.RevokeOwned(ctx, "ann")
		return err
	}
	s = newSite(t, cloakroom.Options{}, service{
		do: func(ctx context.Context, in string) (string, error) {
			if in == "late" {
				return "done", late(ctx)
			}
			return actions(ctx, in)
		},
		stream: func(stream grpc.ServerStream) error {
			cloakgrpc.Get(stream.Context()).Owner() // it is loaded
			return errors.Join(stream.SendMsg(wrapperspb.String("done")), late(stream.Context()))
		},
	})
	p := s.program()
	for how, do := range map[string]func() answer{
		"call":   func() answer { return p.do("late") },
		"stream": func() answer { return p.streamed("") },
	} {
		p.do("login ann")
		a := do()
		if a.text != "done" || len(a.header["session-ticket"]) > 0 || !s.log.Has("changes were dropped") {
			t.Errorf("%s: %v, logged:\n%s", how, a.printable(), s.log)
		}
		if got := p.stored(); got != "," {
			t.Errorf("%s: it lives on: %q", how, got)
		}
	}
}

// TestHangUp: a client that gives up does not keep what was changed from being stored.
func TestHangUp(t *testing.T) {
	arrived, committed := make(chan struct{}), make(chan struct{})
	s := newSite(t, cloakroom.Options{}, service{do: func(ctx context.Context, in string) (string, error) {
		if in != "slow" {
			return actions(ctx, in)
		}
		s := cloakgrpc.Get(ctx)
		name.Set(s, "bob")
		close(arrived)
		<-ctx.Done()
		return "", nil
	}}, func(s *site) grpc.ServerOption {
		return grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			resp, err := handler(ctx, req)
			if req.(*wrapperspb.StringValue).Value == "slow" {
				close(committed)
			}
			return resp, err
		}, cloakgrpc.UnaryServerInterceptor(s.m))
	})
	p := s.program()
	p.do("set ann")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if a := p.do("slow", ctx); status.Code(a.err) != codes.Canceled {
		t.Errorf("%v", a.printable())
	}
	<-committed
	if got := p.stored(); got != ",bob" {
		t.Errorf("stored %q", got)
	}
}

// TestKeys: the keys of the metadata can be chosen.
func TestKeys(t *testing.T) {
	config := cloakgrpc.Config{RequestKey: "X-Ticket", ResponseKey: "X-New-Ticket"}
	for _, header := range []string{"", "Authorization"} { // what net/http has changes nothing
		s := newSite(t, cloakroom.Options{RequestHeader: header}, service{do: actions}, func(s *site) grpc.ServerOption {
			return grpc.UnaryInterceptor(cloakgrpc.UnaryServerInterceptor(s.m, config))
		})
		p := s.programWith(config)
		p.do("set ann")
		if a := p.do("read"); a.text != "ann" || p.session.Ticket() == "" {
			t.Errorf("%v", a.printable())
		}
	}
}

// TestNoInterceptor: a session without an interceptor is an error, and no panic.
func TestNoInterceptor(t *testing.T) {
	if err := cloakgrpc.Get(t.Context()).Load(); !errors.Is(err, cloakroom.ErrNoMiddleware) {
		t.Error(err)
	}
}

// TestNested: interceptors in themselves are one, and those of another manager others.
func TestNested(t *testing.T) {
	var outer, inner *cloakroom.Session
	s := newSite(t, cloakroom.Options{}, service{
		do: func(ctx context.Context, _ string) (string, error) {
			if outer != cloakgrpc.Get(ctx) {
				t.Error("two sessions of one manager")
			}
			return "", nil
		},
		stream: func(stream grpc.ServerStream) error {
			inner = cloakgrpc.Get(stream.Context())
			if outer == inner {
				t.Error("one session of two managers")
			}
			return nil
		},
	}, func(s *site) grpc.ServerOption {
		look := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			outer = cloakgrpc.Get(ctx)
			return handler(ctx, req)
		}
		i := cloakgrpc.UnaryServerInterceptor(s.m)
		return grpc.ChainUnaryInterceptor(i, look, i)
	}, func(s *site) grpc.ServerOption {
		look := func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			outer = cloakgrpc.Get(stream.Context())
			return handler(srv, stream)
		}
		other, err := cloakroom.New(s.calls, cloakroom.Options{})
		if err != nil {
			t.Fatal(err)
		}
		i := cloakgrpc.StreamServerInterceptor(s.m)
		return grpc.ChainStreamInterceptor(i, i, look, cloakgrpc.StreamServerInterceptor(other))
	})
	p := s.program()
	p.do("")
	p.streamed("")
}

// TestFinished: what goes on after the handler has a session that is finished.
func TestFinished(t *testing.T) {
	ctxs := make(chan context.Context, 2)
	s := newSite(t, cloakroom.Options{}, service{do: func(ctx context.Context, in string) (string, error) {
		ctxs <- ctx
		return actions(ctx, in)
	}})
	p := s.program()
	for _, in := range []string{"alone", "set ann"} {
		p.do(in)
		late := cloakgrpc.Get(<-ctxs)
		name.Set(late, "late")
		if err := late.Err(); !errors.Is(err, cloakroom.ErrFinished) {
			t.Errorf("%s: %v", in, err)
		}
	}
	if got := p.stored(); got != ",ann" {
		t.Errorf("stored %q", got)
	}
}

// TestRefresh: with a profile that asks for it, every call of a session uses it.
func TestRefresh(t *testing.T) {
	profile := &cloakroom.Profile{
		ID:     func(ticket string) (string, bool) { return "id-" + ticket, len(ticket) == 26 },
		NewID:  func() string { return "id-" + rand.Text() },
		Ticket: func(id string) string { return strings.TrimPrefix(id, "id-") }, OwnerName: "owner",
		RefreshEachRequest: true,
	}
	s := newSite(t, cloakroom.Options{Profile: profile}, service{do: func(ctx context.Context, in string) (string, error) {
		if in == "set" {
			name.Set(cloakgrpc.Get(ctx), "ann")
		}
		return "", nil
	}})
	p := s.program()
	p.do("set")
	want := countstore.Stats{Loads: 1, Touches: 1}
	if calls := s.cost(func() { p.do("alone") }); calls != want {
		t.Errorf("calls %+v", calls)
	}
	if calls := s.cost(func() { s.program().do("alone") }); calls != (countstore.Stats{}) {
		t.Errorf("without a ticket: %+v", calls)
	}
}

// TestCompressor: what the README says of gRPC's functions that look for its own stream.
func TestCompressor(t *testing.T) {
	s := newSite(t, cloakroom.Options{}, service{do: func(ctx context.Context, _ string) (string, error) {
		if method, ok := grpc.Method(ctx); !ok || method != "/test.Service/Do" {
			t.Errorf("method %q", method)
		}
		if err := grpc.SetSendCompressor(ctx, "identity"); err == nil {
			t.Error("SetSendCompressor works within: README")
		}
		return "", nil
	}}, func(s *site) grpc.ServerOption {
		return grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if err := grpc.SetSendCompressor(ctx, "identity"); err != nil {
				t.Error(err)
			}
			return handler(ctx, req)
		}, cloakgrpc.UnaryServerInterceptor(s.m))
	})
	s.program().do("")
}
