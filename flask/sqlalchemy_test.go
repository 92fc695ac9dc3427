package flask

import (
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
)

// The spellings of SQLAlchemy, and what they are for a store. What SQLAlchemy itself
// makes of the same ones is compared in integration/flask.
func TestFromSQLAlchemy(t *testing.T) {
	for _, tt := range []struct{ from, want string }{
		{"postgresql://u:p@h:5432/d", "postgres://u:p@h:5432/d"},
		{"postgres://h/d", "postgres://h/d"},
		{"postgresql+psycopg2://u@h/d", "postgres://u@h/d"},
		{"postgresql+psycopg://h/d?sslmode=require&client_encoding=utf8", "postgres://h/d?sslmode=require"},
		{"postgresql+asyncpg://[::1]:5432/d", "postgres://[::1]:5432/d"},
		{"postgresql+psycopg2://u:p@/d?host=/run/postgresql", "postgres://u:p@/d?host=%2Frun%2Fpostgresql"},
		{"postgresql+pg8000://u:a%2Fb%40c@h/d", "postgres://u:a%2Fb%40c@h/d"},
		{"postgresql://u:a/b?c#d:e@h/d", "postgres://u:a%2Fb%3Fc%23d%3Ae@h/d"},
		{"postgresql://u:100%@h/d", "postgres://u:100%25@h/d"},
		{"postgresql://u@x:p@h/d", "postgres://u%40x:p@h/d"},
		{"mysql+pymysql://u:p@h/d?charset=utf8mb4", "mysql://u:p@h/d"},
		{"mysql+mysqldb://u@/d?unix_socket=/run/mysqld.sock", "mysql://u@/d?socket=%2Frun%2Fmysqld.sock"},
		// the store refuses it by name
		{"mysql+pymysql://h/d?ssl_ca=x.pem", "mysql://h/d?ssl_ca=x.pem"},
		{"mariadb+mariadbconnector://h/d", "mariadb://h/d"},
		{"mysql://h/a%20b", "mysql://h/a%20b"},
		{"sqlite:////var/app.db", "sqlite:///var/app.db"},
		{"sqlite:///app.db", "sqlite:app.db"},
		{"sqlite:///a b/app.db?timeout=10&check_same_thread=false", "sqlite:a%20b/app.db"},
		{"sqlite+pysqlite:////app.db?journal=wal", "sqlite:///app.db?journal=wal"},
		{"sqlite:app.db", "sqlite:app.db"},
		{"sqlite:/app.db", "sqlite:///app.db"},
	} {
		u, err := fromSQLAlchemy(tt.from)
		if err != nil || u.String() != tt.want {
			t.Errorf("%s: %v, %v, want %s", tt.from, u, err, tt.want)
			continue
		}
		if again, err := url.Parse(u.String()); err != nil || again.Path != u.Path || again.User.String() != u.User.String() {
			t.Errorf("%s: %v is parsed as %v, %v", tt.from, u, again, err)
		}
	}
}

func TestFromSQLAlchemyRefuses(t *testing.T) {
	for from, says := range map[string]string{
		"":                                    "no URL of a database",
		"hush":                                "no URL of a database",
		"oracle+cx_oracle://u:hush@h/d":       "a URL of oracle+cx_oracle:",
		"mssql+pyodbc://u:hush@h/d":           "a URL of mssql+pyodbc:",
		"cockroachdb://hush@h/d":              "a URL of cockroachdb:",
		"sqlite+pysqlcipher://:hush@/a.db":    "encrypted",
		"sqlite://":                           "memory of one process",
		"sqlite:///:memory:":                  "memory of one process",
		"sqlite://hush/a.db":                  "no URL of a database",
		"sqlite:///file:hush?uri=true":        "SQLite's own",
		"postgresql:hush":                     "no URL of a database",
		"postgresql://u:hush@h:x/d":           "no URL of a database",
		"postgresql://u:hush@h\x00/d":         "no URL of a database",
		"mysql://u:hush@h/d?%zz":              "malformed query",
		"sqlite:////a.db?%zz":                 "malformed query",
		"postgresql+psycopg2://u:hush@[::1/d": "no URL of a database",
	} {
		if u, err := fromSQLAlchemy(from); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, %v, want %q", from, u, err, says)
		}
	}
}

// Three slashes before a full path, as a URL of a store has them, are understood where
// they can mean nothing else.
func TestFullPath(t *testing.T) {
	t.Chdir(t.TempDir())
	folder := t.TempDir()
	if err := os.Mkdir("below", 0o700); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{
		"sqlite:///" + folder + "/a.db": "sqlite:///" + folder + "/a.db",
		"sqlite:///a.db":                "sqlite:///a.db",
		"sqlite:///below/a.db":          "sqlite:///below/a.db",
		"sqlite:///nowhere at all/a.db": "sqlite:///nowhere at all/a.db",
		"sqlite:a.db":                   "sqlite:a.db",
		"mysql://h/d":                   "mysql://h/d",
	}
	if runtime.GOOS != "windows" { // whose full paths begin with a drive, not with a slash
		cases["sqlite://"+folder+"/a.db"] = "sqlite:///" + folder + "/a.db"
		cases["sqlite://"+folder+"/a.db?x=/y"] = "sqlite:///" + folder + "/a.db?x=/y"
	}
	for from, want := range cases {
		if got := fullPath(from); got != want {
			t.Errorf("%s: %s, want %s", from, got, want)
		}
	}
}
