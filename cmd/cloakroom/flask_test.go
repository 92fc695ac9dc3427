package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/sqlstore"
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
	if err != nil || store != "cachelib:flask_session?pickles=on&prefix=session%3A" || o.Profile == nil || o.Idle != 31*24*time.Hour || o.Lifetime < 99*365*24*time.Hour || !o.InsecureCookie {
		t.Errorf("%q, %+v, %v", store, o, err)
	}
	o, store, err = options("--store", "redis://h/1", "--idle", "1m", "--lifetime", "1h", "--timeout", "3s", "--tls", "c,k")
	if err != nil || store != "redis://h/1?prefix=session%3A" || o.Profile == nil || o.Idle != time.Minute || o.Lifetime != time.Hour || o.Timeout != 3*time.Second || o.InsecureCookie {
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
	t.Setenv("FLASK_SESSION_KEY_PREFIX", "shop:")
	if _, store, err = options("--store", "redis://h"); err != nil || store != "redis://h?prefix=shop%3A" {
		t.Errorf("%q, %v", store, err)
	}
	if _, _, err = options("--store", "redis://h?prefix=other:"); err == nil || !strings.Contains(err.Error(), `SESSION_KEY_PREFIX is "shop:"`) {
		t.Error(err)
	}
	if _, _, err = options("--store", "cachelib:///x"); err == nil || !strings.Contains(err.Error(), "a URL of cachelib:, and SESSION_TYPE is redis") {
		t.Error(err)
	}
	t.Setenv("FLASK_SESSION_TYPE", "cachelib")
	o, store, err = options("--store", "cachelib:///x")
	if err != nil || store != "cachelib:///x?pickles=on&prefix=shop%3A" || o.Format != cloakroom.MessagePack {
		t.Errorf("%q, %+v, %v", store, o, err)
	}
	t.Setenv("FLASK_SESSION_PROTECTION", "strong") // Flask-Login's
	t.Setenv("FLASK_SESSION_USE_SIGNER", "true")
	if _, _, err = options(); err == nil || !strings.Contains(err.Error(), "SECRET_KEY") {
		t.Error(err)
	}
	t.Setenv("FLASK_SESSION_TYPES", "1")
	for _, args := range [][]string{{"demo", "--flask"}, {"copy", "--from-flask", "redis://h", "redis://h"}} {
		if code, _, errs := runIn(t, false, args...); code != exitUsage || !strings.Contains(errs, "SESSION_TYPES") || strings.Contains(errs, "hush") {
			t.Errorf("exit %d, %q", code, errs)
		}
	}
}

// flaskRecord returns a session of ada that Flask stored.
func flaskRecord() store.Record {
	return store.Record{Data: []byte("\x83\xaa_permanent\xc3\xa8_user_id\xa3ada\xa8greeting\xa5hello"), Expires: time.Now().Add(time.Hour)}
}

// flaskDatabase returns the path of a SQLite database with sessions of Flask under these
// tickets.
func flaskDatabase(t *testing.T, parameters string, tickets ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sessions.db")
	store, closer, err := sqlstore.Open(t.Context(), sqlstore.SQLite, "sqlite", "sqlite://"+file+parameters)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	for _, ticket := range tickets {
		if _, err := store.Create(t.Context(), ticket, flaskRecord()); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

// The settings say by which prefix and table the sessions are found.
func TestCopyFromFlaskSettings(t *testing.T) {
	ticket := strings.Repeat("aB3-_z", 7) + "A"
	file := flaskDatabase(t, "?prefix=shop:&table=web", ticket, "lock:1", "admin:"+ticket)
	for _, tt := range []struct {
		name string
		env  map[string]string
		url  string
		code int
		says string
	}{
		{"no table", nil, "sqlite://" + file, exitFailure, `there is no such table, or no right to use it (with SESSION_TYPE sqlalchemy, SESSION_SQLALCHEMY_TABLE "sessions"`},
		{"no prefix", map[string]string{"SQLALCHEMY_TABLE": "web"}, "sqlite://" + file, exitFailure, `found no session of Flask by SESSION_TYPE sqlalchemy, SESSION_SQLALCHEMY_TABLE "web", SESSION_KEY_PREFIX "session:"`},
		{"other prefix", map[string]string{"SQLALCHEMY_TABLE": "web", "KEY_PREFIX": "shop:admin:x"}, "sqlite://" + file, exitFailure, `SESSION_KEY_PREFIX "shop:admin:x"`},
		{"only others", map[string]string{"SQLALCHEMY_TABLE": "web", "KEY_PREFIX": "shop:l"}, "sqlite://" + file, exitFailure, "only 1 key of something else"},
		{"wrong type", map[string]string{"TYPE": "redis"}, "sqlite://" + file, exitUsage, "a URL of sqlite:, and SESSION_TYPE is redis"},
		{"contradiction", map[string]string{"SQLALCHEMY_TABLE": "web", "KEY_PREFIX": "shop:"}, "sqlite://" + file + "?table=other", exitUsage, `SESSION_SQLALCHEMY_TABLE is "web"`},
		{"all", map[string]string{"TYPE": "sqlalchemy", "SQLALCHEMY_TABLE": "web", "KEY_PREFIX": "shop:"}, "sqlite://" + file, exitOK, ""},
		{"as SQLAlchemy has it", map[string]string{"SQLALCHEMY_TABLE": "web", "KEY_PREFIX": "shop:"}, "sqlite+pysqlite:///" + file, exitOK, ""},
		{"all in the URL", nil, "sqlite://" + file + "?prefix=shop:&table=web", exitOK, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, v := range tt.env {
				t.Setenv("FLASK_SESSION_"+name, v)
			}
			to := newFolder(t)
			code, out, errs := runIn(t, false, "copy", "--from-flask", tt.url, to.url()+"?sync=off")
			if code != tt.code || !strings.Contains(errs, tt.says) || code == exitOK && out != "1 session copied, 0 skipped, 0 failed, 2 other keys left alone\n" {
				t.Fatalf("exit %d, %q, %q", code, out, errs)
			}
			if owner, _ := to.read(ticket); (owner == "ada") != (code == exitOK) {
				t.Errorf("owner %q", owner)
			}
		})
	}
}

// Sessions of Flask-Session before 0.6 have UUIDs, and their cookies stay valid.
func TestCopyFromFlaskUUIDs(t *testing.T) {
	ticket, uuid := strings.Repeat("aB3-_z", 7)+"A", "0f3d4b7e-52c1-4f0a-9b1e-7a6c2d8e9f01"
	file := flaskDatabase(t, "", ticket, uuid)
	to := newFolder(t)
	code, out, errs := runIn(t, false, "copy", "--from-flask", "sqlite://"+file, to.url()+"?sync=off")
	if code != exitOK || out != "2 sessions copied, 0 skipped, 0 failed\n" || !strings.Contains(errs, "note: 1 session with a cookie that is no ticket: give the application Options.FormerTickets") {
		t.Errorf("exit %d, %q, %q", code, out, errs)
	}
	var err error
	if to.m, err = cloakroom.New(to.store, cloakroom.Options{FormerTickets: true}); err != nil {
		t.Fatal(err)
	}
	for _, ticket := range []string{ticket, uuid} {
		if owner, text := to.read(ticket); owner != "ada" || text != "hello" {
			t.Errorf("%q of %q", text, owner)
		}
	}
}

// Cookies that Flask made stay valid.
func TestCopyFromFlask(t *testing.T) {
	ticket := strings.Repeat("aB3-_z", 7) + "A"
	source := "sqlite://" + flaskDatabase(t, "", ticket)
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
