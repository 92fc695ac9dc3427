package cloakgrpc_test

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgrpc"
	"github.com/cloakroom-go/cloakroom/adapter/internal/adaptertest"
	"github.com/cloakroom-go/cloakroom/store/countstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

const name = cloakroom.Key[string]("name")

// service is what a server does: by a call, and by a stream.
type service struct {
	do     func(ctx context.Context, in string) (string, error)
	stream func(stream grpc.ServerStream) error
}

// description stands in for what protoc generates.
var description = grpc.ServiceDesc{
	ServiceName: "test.Service",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Do", Handler: func(
		srv any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor,
	) (any, error) {
		var in wrapperspb.StringValue
		if err := decode(&in); err != nil {
			return nil, err
		}
		handler := func(ctx context.Context, req any) (any, error) {
			out, err := srv.(service).do(ctx, req.(*wrapperspb.StringValue).Value)
			return wrapperspb.String(out), err
		}
		if interceptor == nil {
			return handler(ctx, &in)
		}
		return interceptor(ctx, &in, &grpc.UnaryServerInfo{Server: srv, FullMethod: "/test.Service/Do"}, handler)
	}}},
	Streams: []grpc.StreamDesc{{
		StreamName: "Stream", ServerStreams: true, ClientStreams: true,
		Handler: func(srv any, stream grpc.ServerStream) error { return srv.(service).stream(stream) },
	}},
}

// site is a server with sessions.
type site struct {
	t     *testing.T
	store *storetest.Faulty
	calls *countstore.Store // of store
	m     *cloakroom.Manager
	log   *adaptertest.Buffer
	addr  string
}

// newSite starts a server. Without options for it, it has the interceptors alone.
func newSite(
	t *testing.T, options cloakroom.Options, s service, server ...func(*site) grpc.ServerOption,
) *site {
	t.Helper()
	memory, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { memory.Close() })
	x := &site{t: t, store: storetest.NewFaulty(memory), log: new(adaptertest.Buffer)}
	x.calls = countstore.New(x.store)
	options.Logger = slog.New(slog.NewTextHandler(x.log, nil))
	if x.m, err = cloakroom.New(x.calls, options); err != nil {
		t.Fatal(err)
	}
	opts := []grpc.ServerOption{
		grpc.UnaryInterceptor(cloakgrpc.UnaryServerInterceptor(x.m)),
		grpc.StreamInterceptor(cloakgrpc.StreamServerInterceptor(x.m)),
	}
	if len(server) > 0 {
		opts = nil
	}
	for _, option := range server {
		opts = append(opts, option(x))
	}
	g := grpc.NewServer(opts...)
	g.RegisterService(&description, s)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x.addr = listener.Addr().String()
	ended := make(chan error)
	go func() { ended <- g.Serve(listener) }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return x
}

// program is a client with a session.
type program struct {
	site    *site
	conn    *grpc.ClientConn
	session *cloakgrpc.Client
}

func (s *site) program() *program { return s.programWith(cloakgrpc.Config{}) }

func (s *site) programWith(config cloakgrpc.Config) *program {
	s.t.Helper()
	p := &program{site: s, session: &cloakgrpc.Client{Config: config, AllowInsecure: true}}
	opts := append(p.session.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent("program/1"))
	var err error
	if p.conn, err = grpc.NewClient(s.addr, opts...); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { p.conn.Close() })
	return p
}

// answer is what a call brings.
type answer struct {
	text            string
	header, trailer metadata.MD
	err             error
}

// printable returns what may be printed of an answer.
func (a answer) printable() answer {
	a.header = a.header.Copy()
	delete(a.header, "session-ticket")
	return a
}

func (p *program) do(in string, ctx ...context.Context) (a answer) {
	p.site.t.Helper()
	var out wrapperspb.StringValue
	a.err = p.conn.Invoke(append(ctx, p.site.t.Context())[0], "/test.Service/Do", wrapperspb.String(in), &out,
		grpc.Header(&a.header), grpc.Trailer(&a.trailer))
	a.text = out.Value
	return a
}

func (p *program) open(ctx context.Context) grpc.ClientStream {
	p.site.t.Helper()
	stream, err := p.conn.NewStream(ctx, &description.Streams[0], "/test.Service/Stream")
	if err != nil {
		p.site.t.Fatal(err)
	}
	return stream
}

// streamed is do by a stream, with all messages in one text.
func (p *program) streamed(in string) (a answer) {
	p.site.t.Helper()
	stream := p.open(p.site.t.Context())
	stream.SendMsg(wrapperspb.String(in))
	stream.CloseSend()
	for {
		var out wrapperspb.StringValue
		if a.err = stream.RecvMsg(&out); a.err != nil {
			break
		}
		a.text += out.Value
	}
	a.header, _ = stream.Header()
	a.trailer = stream.Trailer()
	return a
}

// value returns what the session of a ticket holds, and its owner.
func (s *site) value(ticket string) string {
	x := s.m.Open(s.t.Context(), ticket)
	defer x.Close()
	return x.Owner() + "," + name.Get(x)
}

func (p *program) stored() string { return p.site.value(p.session.Ticket()) }

// cost returns the calls of the store that f makes.
func (s *site) cost(f func()) countstore.Stats {
	before := s.calls.Stats()
	f()
	after := s.calls.Stats()
	return countstore.Stats{
		Loads: after.Loads - before.Loads, Creates: after.Creates - before.Creates,
		Replaces: after.Replaces - before.Replaces, Touches: after.Touches - before.Touches,
		Deletes: after.Deletes - before.Deletes, Moves: after.Moves - before.Moves,
	}
}

// refused is what a store does that refuses a call, which is not tried again.
var refused = storetest.Failed().Reporting(cloakroom.ErrRefused)
