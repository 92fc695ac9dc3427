package cloakgrpc

import (
	"context"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
)

// Client keeps the ticket of one session for the calls of a client: it sends it with each,
// and takes the one that comes back. The zero value has none yet. It is safe for
// concurrent use, and must not be copied.
//
//	var session cloakgrpc.Client
//	conn, err := grpc.NewClient(target, append(session.DialOptions(), ...)...)
type Client struct {
	Config

	// AllowInsecure sends the ticket over connections without TLS too, for development.
	// The default is false: such a connection cannot be made.
	AllowInsecure bool

	mu     sync.Mutex
	ticket string
}

var _ credentials.PerRPCCredentials = (*Client)(nil)

// DialOptions returns the options of a connection that belongs to the session.
func (c *Client) DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithPerRPCCredentials(c),
		grpc.WithChainUnaryInterceptor(c.unary),
		grpc.WithChainStreamInterceptor(c.stream),
	}
}

// Ticket returns the ticket, or an empty string where there is none, to be kept from one
// run of the program to the next. It is secret.
func (c *Client) Ticket() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ticket
}

// SetTicket makes ticket that of the calls to come.
func (c *Client) SetTicket(ticket string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ticket = ticket
}

// GetRequestMetadata implements [credentials.PerRPCCredentials].
func (c *Client) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	ticket := c.Ticket()
	if ticket == "" {
		return nil, nil
	}
	config := c.withDefaults()
	return map[string]string{config.RequestKey: config.prefix() + ticket}, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials].
func (c *Client) RequireTransportSecurity() bool { return !c.AllowInsecure }

// take takes the ticket from a header, if there is one.
func (c *Client) take(header metadata.MD) {
	if values := header.Get(c.withDefaults().ResponseKey); len(values) > 0 {
		c.SetTicket(values[len(values)-1])
	}
}

func (c *Client) unary(
	ctx context.Context, method string, req, reply any, conn *grpc.ClientConn,
	invoker grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	var header metadata.MD
	err := invoker(ctx, method, req, reply, conn, append(slices.Clip(opts), grpc.Header(&header))...)
	c.take(header)
	return err
}

func (c *Client) stream(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string,
	streamer grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := streamer(ctx, desc, conn, method, opts...)
	if err != nil {
		return nil, err
	}
	return &clientStream{ClientStream: stream, client: c}, nil
}

// clientStream takes the ticket once the header has come.
type clientStream struct {
	grpc.ClientStream
	client *Client
	once   sync.Once
}

func (s *clientStream) Header() (metadata.MD, error) {
	header, err := s.ClientStream.Header()
	s.once.Do(func() { s.client.take(header) })
	return header, err
}

func (s *clientStream) RecvMsg(message any) error {
	err := s.ClientStream.RecvMsg(message)
	s.once.Do(func() {
		header, _ := s.ClientStream.Header() // it has come, or never will
		s.client.take(header)
	})
	return err
}
