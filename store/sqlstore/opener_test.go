package sqlstore

import (
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/store/storeurl"
)

func TestSources(t *testing.T) {
	for _, tt := range []struct {
		d            Dialect
		driver, url  string
		want         source
		wantsAnError string
	}{
		{SQLite, "sqlite", "sqlite:///var/a%20b.db", source{"file:/var/a%20b.db?_pragma=busy_timeout(10)&_pragma=journal_mode(wal)&_pragma=synchronous(full)", "/var/a b.db", 8, false}, ""},
		{SQLite, "sqlite3", "sqlite:s.db?journal=delete", source{"file:s.db?_busy_timeout=60&_journal_mode=delete&_synchronous=full", "s.db", 8, false}, ""},
		{SQLite, "sqlite", "sqlite::memory:", source{"file::memory:?_pragma=busy_timeout(10)&_pragma=journal_mode(wal)&_pragma=synchronous(full)", "", 1, true}, ""},
		{SQLite, "sqlite", "sqlite:///:memory:", source{}, "sqlite::memory:"},
		{SQLite, "sqlite", "sqlite://host/s.db", source{}, "want sqlite:"},
		{SQLite, "sqlite", "sqlite:", source{}, "missing"},
		{SQLite, "other", "sqlite:s.db", source{}, `driver "other"`},
		{SQLite, "sqlite", "sqlite:s.db?journal=off", source{}, "journal"},
		{Postgres, "pgx", "postgresql://u:p%40@h:1/d?options=-c%20a=b", source{"postgres://u:p%40@h:1/d?connect_timeout=2&options=-c%20a%3Db", "", 10, false}, ""},
		{Postgres, "mysql", "postgres://h/d", source{}, `driver "mysql"`},
		{Postgres, "pgx", "postgres:d", source{}, "want postgres:"},
		{Postgres, "pgx", "postgres://h/d?sslmod=off", source{}, `"sslmod"`},
		{MySQL, "mysql", "mysql://u:p%40%3A%2F@h/d?tls=true", source{"u:p@:/@tcp(h:3306)/d?timeout=2s&tls=true", "", 10, false}, ""},
		{MySQL, "mysql", "mariadb://u@/d?socket=/run/s", source{"u@unix(/run/s)/d?timeout=2s", "", 10, false}, ""},
		{MySQL, "mysql", "mysql://h/", source{}, "database is missing"},
		{MySQL, "mysql", "mysql://h/d?socket=/run/s", source{}, "exclude"},
		{MySQL, "mysql", "mysql://h/d?timeout=soon", source{}, "timeout"},
		{MySQL, "pgx", "mysql://h/d", source{}, `driver "pgx"`},
	} {
		u, err := url.Parse(tt.url)
		if err != nil {
			t.Fatal(err)
		}
		q := storeurl.NewQuery(u)
		got, err := tt.d.impl().dsn(tt.driver, u, q)
		if unknown := q.Err(); unknown != nil {
			err = unknown
		}
		if tt.wantsAnError != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wantsAnError) {
				t.Errorf("%s: %v, want an error with %q", tt.url, err, tt.wantsAnError)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, %v, want %+v", tt.url, got, err, tt.want)
		}
	}
	for _, rawURL := range []string{"sqlite:s.db?sweep_interval=x", "sqlite:s.db?table=&layout=other", "sqlite:s.db?max_conns=0"} {
		if _, _, err := Open(t.Context(), SQLite, "sqlite", rawURL); err == nil {
			t.Errorf("%s was opened", rawURL)
		}
	}
	if _, err := os.Stat("s.db"); err == nil {
		t.Error("a URL that is refused made a file")
	}
}
