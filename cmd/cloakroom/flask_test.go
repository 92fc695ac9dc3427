package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/stores/sqlstore"
)

func TestDemoFlask(t *testing.T) {
	options := func(args ...string) (cloakroom.Options, string, error) {
		t.Helper()
		c, err := demoFlags(append(args, "--flask"))
		if err != nil {
			t.Fatal(err)
		}
		o, err := c.options()
		return o, c.store, err
	}
	o, store, err := options()
	if err != nil || store != "cachelib:flask_session?prefix=session%3A" || o.Profile == nil || o.Idle != 31*24*time.Hour || o.Lifetime < 99*365*24*time.Hour || !o.InsecureCookie {
		t.Errorf("%q, %+v, %v", store, o, err)
	}
	o, store, err = options("--store", "redis://h/1", "--idle", "1m", "--lifetime", "1h", "--tls", "c,k")
	if err != nil || store != "redis://h/1" || o.Profile == nil || o.Idle != time.Minute || o.Lifetime != time.Hour || o.InsecureCookie {
		t.Errorf("%q, %+v, %v", store, o, err)
	}
	t.Setenv("FLASK_SESSION_TYPE", "redis")
	t.Setenv("FLASK_SESSION_REDIS", "redis://u:hush@h/2")
	t.Setenv("FLASK_PERMANENT_SESSION_LIFETIME", "90")
	t.Setenv("FLASK_SESSION_SERIALIZATION_FORMAT", "json")
	o, store, err = options()
	if err != nil || store != "redis://u:hush@h/2?prefix=session%3A" || o.Idle != 90*time.Second || o.Format != cloakroom.JSON {
		t.Errorf("%q, %+v, %v", store, o, err)
	}
	o, store, err = options("--store", "cachelib:///x")
	if err != nil || store != "cachelib:///x" || o.Format != cloakroom.MessagePack {
		t.Errorf("%q, %+v, %v", store, o, err)
	}
	t.Setenv("FLASK_SESSION_USE_SIGNER", "true")
	if _, _, err = options(); err == nil || !strings.Contains(err.Error(), "SECRET_KEY") {
		t.Error(err)
	}
	t.Setenv("FLASK_SESSION_NOPE", "1")
	for _, args := range [][]string{{"demo", "--flask"}, {"copy", "--from-flask", "redis://h", "redis://h"}} {
		if code, _, errs := runIn(t, false, args...); code != exitUsage || !strings.Contains(errs, "SESSION_NOPE") || strings.Contains(errs, "hush") {
			t.Errorf("exit %d, %q", code, errs)
		}
	}
}

// Whoever has a cookie that Flask made keeps it.
func TestCopyFromFlask(t *testing.T) {
	source := "sqlite://" + filepath.Join(t.TempDir(), "sessions.db")
	store, closer, err := sqlstore.Open(t.Context(), sqlstore.SQLite, "sqlite", source)
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	ticket := strings.Repeat("aB3-_z", 7) + "A"
	theirs := cloakroom.Record{Data: []byte("\x83\xaa_permanent\xc3\xa8_user_id\xa3ada\xa8greeting\xa5hello"), Expires: time.Now().Add(time.Hour)}
	if _, err := store.Create(t.Context(), ticket, theirs); err != nil {
		t.Fatal(err)
	}
	to := newFolder(t)
	args := []string{"copy", "--from-flask", source, to.url() + "?sync=off"}
	for _, want := range []string{"1 session copied, 0 skipped, 0 failed\n", "0 sessions copied, 1 skipped, 0 failed\n"} {
		if code, out, errs := runIn(t, false, args...); code != exitOK || out != want || errs != "" {
			t.Fatalf("exit %d, %q, %q", code, out, errs)
		}
	}
	if owner, text := to.read(ticket); owner != "ada" || text != "hello" {
		t.Errorf("%q of %q", text, owner)
	}
	if n, err := to.m.RevokeOwned(t.Context(), "ada"); n != 1 || err != nil {
		t.Error(n, err)
	}
	for _, wrong := range [][]string{{"copy", "--lifetime", "1h", source, to.url()}, {"copy", "--from-flask", "--lifetime", "1ms", source, to.url()}} {
		if code, _, errs := runIn(t, false, wrong...); code != exitUsage || !strings.Contains(errs, "--lifetime") {
			t.Errorf("exit %d, %q", code, errs)
		}
	}
}
