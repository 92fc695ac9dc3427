// Package cloakgrpc gives the calls of a gRPC server their sessions, and keeps the
// ticket for a client.
//
//	server := grpc.NewServer(
//		grpc.UnaryInterceptor(cloakgrpc.UnaryServerInterceptor(sessions)),
//		grpc.StreamInterceptor(cloakgrpc.StreamServerInterceptor(sessions)),
//	)
//
//	func (shop) Add(ctx context.Context, item *pb.Item) (*pb.Cart, error) {
//		s := cloakgrpc.Get(ctx)
//		...
//	}
//
// The ticket comes in the call's metadata, and a new one goes back in the header's. No
// browser adds either by itself, so another site cannot use a visitor's session, as it
// could by a cookie (cross-site request forgery).
package cloakgrpc

import (
	"context"
	"net"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// Config says where tickets are in metadata. The zero value is ready to use; server and
// client need the same. What is under these keys is secret: do not log it.
type Config struct {
	// RequestKey is the key under which a call has its ticket. The default is
	// "authorization", where the value is "Bearer" and the ticket. Under another key it
	// is the ticket alone. Upper and lower case are the same.
	RequestKey string

	// ResponseKey is the key under which the header has a new ticket, or an empty value
	// where the session was signed out. The default is "session-ticket".
	ResponseKey string
}

const bearer = "Bearer "

func (c Config) withDefaults() Config {
	if c.RequestKey == "" {
		c.RequestKey = "authorization"
	}
	if c.ResponseKey == "" {
		c.ResponseKey = "session-ticket"
	}
	c.RequestKey, c.ResponseKey = strings.ToLower(c.RequestKey), strings.ToLower(c.ResponseKey)
	return c
}

// prefix returns what stands before the ticket under RequestKey.
func (c Config) prefix() string {
	if c.RequestKey == "authorization" {
		return bearer
	}
	return ""
}

// UnaryServerInterceptor gives the calls of the handler their sessions, to be had from
// [Get]. It commits a session when the handler has returned, whether by an error or not,
// or sends the header itself. If that fails, nothing of the handler's response is sent,
// and the call's error has [google.golang.org/grpc/codes.Unavailable].
//
// When the handler panics, what was not committed is dropped. An interceptor inside that
// recovers calls [cloakroom.Session.Discard], or what was changed before the panic is
// committed with its answer.
func UnaryServerInterceptor(m *cloakroom.Manager, config ...Config) grpc.UnaryServerInterceptor {
	cfg := configOf(config)
	return func(
		ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
	) (resp any, err error) {
		if nested(ctx, m) {
			return handler(ctx, req)
		}
		c := &call{m: m, config: cfg, ctx: ctx, method: info.FullMethod, below: unary{ctx}}
		err = c.serve(func(ctx context.Context) (err error) {
			resp, err = handler(ctx, req)
			return err
		})
		if c.failed {
			resp = nil
		}
		return resp, err
	}
}

// StreamServerInterceptor is [UnaryServerInterceptor] for streams. It commits a session
// before the first message or the header is sent. What is changed afterwards is committed
// by [cloakroom.Session.Save], or when the handler returns; a change that needs a new
// ticket is [cloakroom.ErrHeaderSent] then.
func StreamServerInterceptor(m *cloakroom.Manager, config ...Config) grpc.StreamServerInterceptor {
	cfg := configOf(config)
	return func(
		srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler,
	) error {
		ctx := stream.Context()
		if nested(ctx, m) {
			return handler(srv, stream)
		}
		c := &call{m: m, config: cfg, ctx: ctx, method: info.FullMethod, below: streamed{stream}}
		return c.serve(func(ctx context.Context) error {
			return handler(srv, &serverStream{ServerStream: stream, call: c, ctx: ctx})
		})
	}
}

func configOf(config []Config) Config {
	if len(config) == 0 {
		return Config{}.withDefaults()
	}
	return config[0].withDefaults()
}

// key is what a call is kept under in its context.
type key struct{}

// nested reports whether a call has passed an interceptor of m already.
func nested(ctx context.Context, m *cloakroom.Manager) bool {
	c, ok := ctx.Value(key{}).(*call)
	return ok && c.m == m
}

// Get returns the session of a call that passed an interceptor of this package. It does
// not load it yet. For any other context it returns a session whose every use fails with
// [cloakroom.ErrNoMiddleware].
//
// A session that cannot be loaded keeps the response from being sent, but not the
// handler from running: call [cloakroom.Session.Load] first where it does more than
// answer, such as charging a card.
func Get(ctx context.Context) *cloakroom.Session {
	if c, ok := ctx.Value(key{}).(*call); ok {
		return c.get()
	}
	return stray().FromContext(ctx)
}

// visit returns what the session is told of a call.
func visit(ctx context.Context, config Config) (v cloakroom.Visit) {
	prefix := config.prefix()
	for _, value := range metadata.ValueFromIncomingContext(ctx, config.RequestKey) {
		if n := len(prefix); len(value) >= n && strings.EqualFold(value[:n], prefix) {
			v.Tickets = append(v.Tickets, strings.TrimSpace(value[n:]))
		}
	}
	v.UserAgent = strings.Join(metadata.ValueFromIncomingContext(ctx, "user-agent"), " ")
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		v.IP = p.Addr.String()
		if host, _, err := net.SplitHostPort(v.IP); err == nil {
			v.IP = host
		}
	}
	return v
}

// stray is the manager of calls that did not pass an interceptor.
var stray = sync.OnceValue(func() *cloakroom.Manager {
	st, err := memstore.New(memstore.Options{})
	if err == nil {
		var m *cloakroom.Manager
		if m, err = cloakroom.New(st, cloakroom.Options{}); err == nil {
			return m
		}
	}
	panic(err) // the defaults are in order
})
