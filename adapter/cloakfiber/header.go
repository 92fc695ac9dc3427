package cloakfiber

import (
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
)

// headerOf returns a response's header as net/http has it.
func headerOf(from *fasthttp.ResponseHeader) http.Header {
	h := make(http.Header)
	for name, value := range from.All() {
		h[string(name)] = append(h[string(name)], string(value))
	}
	return h
}

// outerHeader returns what middleware outside has put into a header, mostly nothing.
// What belongs to a body is left out.
func outerHeader(from *fasthttp.ResponseHeader) (h http.Header) {
	for name, value := range from.All() {
		switch string(name) {
		case fiber.HeaderContentType, fiber.HeaderContentLength, fiber.HeaderContentEncoding:
			continue
		}
		if h == nil {
			h = make(http.Header)
		}
		h[string(name)] = append(h[string(name)], string(value))
	}
	return h
}

// change makes to of a header that was from, and leaves alone what is the same.
func change(header *fasthttp.ResponseHeader, from, to http.Header) {
	for name, lines := range from {
		if !slices.Equal(lines, to[name]) {
			header.Del(name)
		}
	}
	for name, lines := range to {
		if !slices.Equal(lines, from[name]) {
			for _, line := range lines {
				header.Add(name, line)
			}
		}
	}
}
