package main

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"testing"
	"time"
)

func TestDemoFlags(t *testing.T) {
	c, err := demoFlags(nil)
	want := demoConfig{
		addr: "127.0.0.1:8080", store: "file:./cloakroom-data",
		idle: 30 * time.Minute, lifetime: 12 * time.Hour, timeout: 1500 * time.Millisecond,
	}
	if err != nil || c != want {
		t.Errorf("defaults: %+v, %v", c, err)
	}
	if c, err = demoFlags([]string{"--lifetime=5m"}); err != nil || c.idle != 5*time.Minute {
		t.Errorf("a lifetime below the idle timeout: %+v, %v", c, err)
	}
	if c, err = demoFlags([]string{"-tls", "c.pem,k.pem"}); err != nil || c.cert != "c.pem" || c.key != "k.pem" {
		t.Errorf("--tls: %+v, %v", c, err)
	}
}

// TestDemoServesAndStops runs the demo within this process; integration/demo does it
// with signals.
func TestDemoServesAndStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, terminal{out: w, err: io.Discard}, []string{"demo", "--addr", "127.0.0.1:0", "--store", "memory:"})
		_ = w.Close()
	}()
	line := make([]byte, 200)
	n, err := r.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`^listening on (http://127\.0\.0\.1:\d+)\n$`).FindSubmatch(line[:n])
	if match == nil {
		t.Fatalf("printed %q", line[:n])
	}
	resp, err := http.Get(string(match[1]) + "/ping")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	stop()
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("then printed %q, %v", rest, err)
	}
	if code := <-ended; code != exitOK {
		t.Errorf("exit %d", code)
	}
}
