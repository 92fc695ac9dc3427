package cloakgrpc_test

import (
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/adapter/cloakgrpc"
)

// TestClient: the ticket is taken from calls and streams, and may be kept for another
// client.
func TestClient(t *testing.T) {
	s := newSite(t, cloakroom.Options{}, service{do: actions, stream: func(stream grpc.ServerStream) error {
		name.Set(cloakgrpc.Get(stream.Context()), "streamed")
		return stream.SendMsg(wrapperspb.String("done"))
	}})
	p := s.program()
	if a := p.streamed(""); a.text != "done" || p.stored() != ",streamed" {
		t.Errorf("%v, stored %q", a.printable(), p.stored())
	}
	other := s.program()
	other.session.SetTicket(p.session.Ticket())
	if a := other.do("read"); a.text != "streamed" {
		t.Errorf("another client reads %q", a.text)
	}
	byHeader := s.program()
	stream := byHeader.open(t.Context())
	if _, err := stream.Header(); err != nil || byHeader.stored() != ",streamed" {
		t.Errorf("by the header: %v, stored %q", err, byHeader.stored())
	}
}

// TestClientNeedsTLS: without AllowInsecure, no ticket is sent in the clear.
func TestClientNeedsTLS(t *testing.T) {
	session := new(cloakgrpc.Client)
	opts := append(session.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if conn, err := grpc.NewClient("127.0.0.1:1", opts...); err == nil {
		conn.Close()
		t.Error("a connection without TLS is made")
	}
}

// TestClientStreamFails: a stream that cannot be opened is an error.
func TestClientStreamFails(t *testing.T) {
	s := newSite(t, cloakroom.Options{}, service{do: actions})
	p := s.program()
	p.conn.Close()
	if _, err := p.conn.NewStream(t.Context(), &description.Streams[0], "/test.Service/Stream"); err == nil {
		t.Error("a stream of a closed connection opens")
	}
}
