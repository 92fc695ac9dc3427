package cloakgrpc_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgrpc"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// TestStream: the session is committed before the first message leaves, and what is
// changed afterwards when it is saved and when the handler returns.
func TestStream(t *testing.T) {
	s := newSite(t, cloakroom.Options{}, service{stream: func(stream grpc.ServerStream) error {
		s := cloakgrpc.Get(stream.Context())
		name.Set(s, "before")
		for _, value := range []string{"first", "second"} {
			if err := stream.SendMsg(wrapperspb.String(name.Get(s))); err != nil {
				return err
			}
			if err := stream.RecvMsg(new(wrapperspb.StringValue)); err != nil {
				return err
			}
			name.Set(s, value)
			if value == "first" {
				if err := errors.Join(s.Save(), s.KeepAlive(), s.Reload()); err != nil {
					t.Error(err)
				}
			}
		}
		return nil
	}})
	p := s.program()
	stream := p.open(t.Context())
	var out wrapperspb.StringValue
	for _, want := range []string{"before", "first"} {
		if err := stream.RecvMsg(&out); err != nil || out.Value != want || p.stored() != ","+want {
			t.Errorf("%q, %v, stored %q, want %q", out.Value, err, p.stored(), want)
		}
		stream.SendMsg(&out)
	}
	if err := stream.RecvMsg(&out); err != io.EOF {
		t.Error(err)
	}
	if got := p.stored(); got != ",second" {
		t.Errorf("stored %q", got)
	}
}

// TestHeaderSent: once the header is sent, no ticket can be handed out, and what cannot
// be stored is logged.
func TestHeaderSent(t *testing.T) {
	for what, late := range map[string]func(*site, *cloakroom.Session){
		"a sign-in": func(_ *site, x *cloakroom.Session) {
			if err := x.Login("bob"); !errors.Is(err, cloakroom.ErrHeaderSent) {
				t.Error(err)
			}
		},
		"a failure": func(s *site, x *cloakroom.Session) {
			s.store.Inject(storetest.OpReplace, refused)
			name.Set(x, "late")
		},
	} {
		t.Run(what, func(t *testing.T) {
			var s *site
			s = newSite(t, cloakroom.Options{}, service{
				do: func(ctx context.Context, in string) (string, error) {
					if in != "late" {
						return actions(ctx, in)
					}
					if err := grpc.SendHeader(ctx, metadata.Pairs("x-sent", "1")); err != nil {
						return "", err
					}
					grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "1"))
					if err := grpc.SetHeader(ctx, metadata.Pairs("x-late", "1")); err == nil {
						t.Error("a header is set after it was sent")
					}
					late(s, cloakgrpc.Get(ctx))
					return "done", nil
				},
				stream: func(stream grpc.ServerStream) error {
					if err := stream.SendMsg(wrapperspb.String("done")); err != nil {
						return err
					}
					late(s, cloakgrpc.Get(stream.Context()))
					return nil
				},
			})
			p := s.program()
			p.do("set ann")
			for _, a := range []answer{p.do("late"), p.streamed("")} {
				if a.text != "done" || len(a.header["session-ticket"]) > 0 {
					t.Errorf("%v", a.printable())
				}
			}
			if got := p.stored(); got != ",ann" || !s.log.Has("is not stored") || !s.log.Has("method=/test.Service/Stream") {
				t.Errorf("stored %q, logged:\n%s", got, s.log)
			}
		})
	}
}

// recoverUnary answers for a handler that panics; inside this package's interceptor it
// has to discard.
func recoverUnary(discards bool) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
		defer func() {
			if p := recover(); p != nil {
				if discards {
					cloakgrpc.Get(ctx).Discard()
				}
				err = status.Error(codes.Internal, "panic")
			}
		}()
		return handler(ctx, req)
	}
}

func recoverStream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = status.Error(codes.Internal, "panic")
		}
	}()
	return handler(srv, stream)
}

// TestPanics: a panic drops what was not committed, and leaves what the handler had
// committed by itself, whose ticket the client gets.
func TestPanics(t *testing.T) {
	panics := func(ctx context.Context, in string) {
		s := cloakgrpc.Get(ctx)
		if in == "saved" {
			if err := errors.Join(s.Login("ann"), s.Save()); err != nil {
				t.Error(err)
			}
		}
		if in != "alone" {
			grpc.SetHeader(ctx, metadata.Pairs("x-header", "1"))
			name.Set(s, "late")
		}
		panic("on purpose")
	}
	handler := service{
		do: func(ctx context.Context, in string) (string, error) { panics(ctx, in); return "", nil },
		stream: func(stream grpc.ServerStream) error {
			var in wrapperspb.StringValue
			if err := stream.RecvMsg(&in); err != nil {
				return err
			}
			if in.Value == "sent" {
				stream.SendMsg(&in)
			}
			panics(stream.Context(), in.Value)
			return nil
		},
	}
	outside := []func(*site) grpc.ServerOption{
		func(s *site) grpc.ServerOption {
			return grpc.ChainUnaryInterceptor(recoverUnary(false), cloakgrpc.UnaryServerInterceptor(s.m))
		},
		func(s *site) grpc.ServerOption {
			return grpc.ChainStreamInterceptor(recoverStream, cloakgrpc.StreamServerInterceptor(s.m))
		},
	}
	s := newSite(t, cloakroom.Options{}, handler, outside...)
	for in, want := range map[string]string{"alone": ",", "set": ",", "sent": ",", "saved": "ann,"} {
		for how, do := range map[string]func(*program, string) answer{
			"call":   func(p *program, in string) answer { return p.do(in) },
			"stream": (*program).streamed,
		} {
			p := s.program()
			a := do(p, in)
			if got := p.stored(); status.Code(a.err) != codes.Internal || got != want || len(a.header["x-header"]) > 0 {
				t.Errorf("%s by %s: %v, stored %q, want %q", in, how, a.printable(), got, want)
			}
		}
	}
	for discards, want := range map[bool]string{true: ",", false: ",late"} {
		s := newSite(t, cloakroom.Options{}, handler, func(s *site) grpc.ServerOption {
			return grpc.ChainUnaryInterceptor(cloakgrpc.UnaryServerInterceptor(s.m), recoverUnary(discards))
		})
		p := s.program()
		if a := p.do("set"); status.Code(a.err) != codes.Internal || p.stored() != want {
			t.Errorf("inside, discards %v: %v, stored %q", discards, a.printable(), p.stored())
		}
	}
}

// TestCommitPanics: a store that panics leaves nothing of the handler's to an interceptor
// outside that recovers.
func TestCommitPanics(t *testing.T) {
	s := newSite(t, cloakroom.Options{}, service{do: func(ctx context.Context, _ string) (string, error) {
		return "done", respond(ctx, "1")
	}}, func(s *site) grpc.ServerOption {
		return grpc.ChainUnaryInterceptor(recoverUnary(false), cloakgrpc.UnaryServerInterceptor(s.m))
	})
	s.store.Inject(storetest.OpCreate, storetest.Before(func(context.Context) { panic("on purpose") }))
	p := s.program()
	if a := p.do(""); status.Code(a.err) != codes.Internal || a.text != "" || len(a.header["x-header"])+len(a.trailer["x-trailer"]) > 0 || p.session.Ticket() != "" {
		t.Errorf("%v", a.printable())
	}
}

// TestTicketNotTold: that the client could not be told its ticket, since an interceptor
// outside had sent the header, is logged.
func TestTicketNotTold(t *testing.T) {
	s := newSite(t, cloakroom.Options{}, service{do: func(ctx context.Context, _ string) (string, error) {
		return "done", respond(ctx, "1")
	}}, func(s *site) grpc.ServerOption {
		return grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			if err := grpc.SendHeader(ctx, nil); err != nil {
				t.Error(err)
			}
			return handler(ctx, req)
		}, cloakgrpc.UnaryServerInterceptor(s.m))
	})
	p := s.program()
	if a := p.do(""); a.text != "done" || !s.log.Has("is not told its ticket") || !s.log.Has("header or trailer not sent") {
		t.Errorf("%v, logged:\n%s", a.printable(), s.log)
	}
}
