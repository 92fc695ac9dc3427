package cloakgrpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// sender is what a response is sent by.
type sender interface {
	SetHeader(metadata.MD) error
	SendHeader(metadata.MD) error
	SetTrailer(metadata.MD) error
}

// unary is the sender of a call that is no stream.
type unary struct{ ctx context.Context }

func (u unary) SetHeader(md metadata.MD) error  { return grpc.SetHeader(u.ctx, md) }
func (u unary) SendHeader(md metadata.MD) error { return grpc.SendHeader(u.ctx, md) }
func (u unary) SetTrailer(md metadata.MD) error { return grpc.SetTrailer(u.ctx, md) }

// streamed is the sender of a stream, with what interceptors outside have made of it.
type streamed struct{ grpc.ServerStream }

func (s streamed) SetTrailer(md metadata.MD) error {
	s.ServerStream.SetTrailer(md)
	return nil
}

// transport is what [grpc.SetHeader] and its like find in the handler's context.
type transport struct{ call *call }

func (t transport) Method() string                  { return t.call.method }
func (t transport) SetHeader(md metadata.MD) error  { return t.call.setHeader(md) }
func (t transport) SendHeader(md metadata.MD) error { return t.call.sendHeader(md) }
func (t transport) SetTrailer(md metadata.MD) error { return t.call.setTrailer(md) }

// serverStream is the stream that the handler has.
type serverStream struct {
	grpc.ServerStream
	call *call
	ctx  context.Context
}

func (s *serverStream) Context() context.Context        { return s.ctx }
func (s *serverStream) SetHeader(md metadata.MD) error  { return s.call.setHeader(md) }
func (s *serverStream) SendHeader(md metadata.MD) error { return s.call.sendHeader(md) }
func (s *serverStream) SetTrailer(md metadata.MD)       { _ = s.call.setTrailer(md) } // as below
func (s *serverStream) SendMsg(message any) error {
	if err := s.call.commit(); err != nil {
		return err
	}
	return s.ServerStream.SendMsg(message)
}
