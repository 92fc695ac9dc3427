package cloakotel_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
	"github.com/cloakroom-go/cloakroom/store/storetest"
)

// scrape is what Prometheus gets: of each series its labels, by name. text is all of it.
type scrape struct {
	series map[string][]map[string]string
	text   string
}

var (
	sample = regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? \S+$`)
	label  = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)
)

// scraped returns what Prometheus gets of a site where all that is measured has happened.
func scraped(t *testing.T) scrape {
	t.Helper()
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, cloakroom.Options{}, exporter)
	s.telemetry.Store(&near{Store: s.faulty, hits: 7, misses: 2})
	everything(s)
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(server.Close)
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response.Status, err)
	}
	all := scrape{map[string][]map[string]string{}, string(body)}
	for _, m := range sample.FindAllStringSubmatch(string(body), -1) {
		labels := map[string]string{}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			labels[l[1]] = l[2]
		}
		all.series[m[1]] = append(all.series[m[1]], labels)
	}
	return all
}

// everything makes all happen that is measured.
func everything(s *site) {
	s.t.Helper()
	fail := func(op storetest.Op, err error, times int) {
		s.faulty.Inject(op, slices.Repeat([]storetest.Fault{storetest.Failed().Reporting(err)}, times)...)
	}
	ticket, _ := s.do("", login("ann"))
	ticket, _ = s.do(ticket, func(session *cloakroom.Session) { _ = session.Renew() })
	fail(storetest.OpReplace, store.ErrConflict, 1)
	s.do(ticket, set("red"))
	s.pass(10 * time.Minute)
	s.do(ticket, read)
	s.do(ticket, func(session *cloakroom.Session) {
		read(session)
		set("blue")(session)
		if _, err := s.sessions.RevokeOwned(s.t.Context(), "ann"); err != nil {
			s.t.Error(err)
		}
	})
	s.do(ticket, read)
	ticket, _ = s.do("", set("red"))
	fail(storetest.OpReplace, errors.New("no"), 300)
	if _, status := s.do(ticket, set("blue")); status != http.StatusServiceUnavailable {
		s.t.Error(status)
	}
	fail(storetest.OpLoad, store.ErrUnreadable, 1)
	s.do(ticket, read)
	fail(storetest.OpLoad, context.Canceled, 1)
	s.do(ticket, read)
}

// TestPrometheus: what is scraped has the names and units that docs/observing.md says, and each
// series names its store and no session.
func TestPrometheus(t *testing.T) {
	all := scraped(t)
	for _, name := range []string{
		"cloakroom_operation_duration_seconds_bucket", "cloakroom_operation_duration_seconds_count",
		"cloakroom_store_call_duration_seconds_sum", "cloakroom_commit_retries_total",
		"cloakroom_sessions_created_total", "cloakroom_sessions_ended_total",
		"cloakroom_near_cache_loads_total", "cloakroom_tickets_dead_total",
	} {
		if len(all.series[name]) == 0 {
			t.Errorf("%s is not in\n%s", name, all.text)
		}
	}
	known := []string{
		"cloakroom_store_name", "cloakroom_store_call", "cloakroom_operation", "cloakroom_outcome",
		"cloakroom_end_reason", "cloakroom_near_cache_hit", "le",
	}
	for name, series := range all.series {
		if !strings.HasPrefix(name, "cloakroom_") {
			continue
		}
		for _, labels := range series {
			if labels["cloakroom_store_name"] != "memory" {
				t.Errorf("%s%v does not name the store", name, labels)
			}
			for l := range labels {
				if !slices.Contains(known, l) && !strings.HasPrefix(l, "otel_scope_") {
					t.Errorf("%s has the label %s", name, l)
				}
			}
		}
	}
}

// dashboard is what a test needs of dashboard.json.
type dashboard struct {
	Panels []struct {
		Title, Type, Description string
		Targets                  []struct{ Expr string }
	}
	Templating struct{ List []struct{ Query string } }
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal([]byte(readText(t, "dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	selector = regexp.MustCompile(`(cloakroom_[a-z_]+)\{([^}]*)\}`)
	matcher  = regexp.MustCompile(`([a-z_]+)(=|!=|=~|!~)"([^"]*)"`)
	grouping = regexp.MustCompile(`by \(([^)]*)\)`)
)

// TestDashboard: each metric, label and value of a label that a query of the dashboard names is in
// a scrape, and each metric of a scrape is in a query.
func TestDashboard(t *testing.T) {
	all := scraped(t)
	unused := map[string]bool{}
	for name := range all.series {
		if strings.HasPrefix(name, "cloakroom_") {
			unused[base(name)] = true
		}
	}
	queries := 0
	for _, panel := range readDashboard(t).Panels {
		if panel.Type == "row" {
			continue
		}
		if panel.Description == "" || len(panel.Targets) == 0 {
			t.Errorf("%s: a panel without a description or a query", panel.Title)
		}
		for _, target := range panel.Targets {
			queries++
			if strings.Count(target.Expr, "(") != strings.Count(target.Expr, ")") {
				t.Errorf("%s: parentheses of %s", panel.Title, target.Expr)
			}
			selectors := selector.FindAllStringSubmatch(target.Expr, -1)
			if len(selectors) == 0 {
				t.Errorf("%s: no metric in %s", panel.Title, target.Expr)
			}
			for _, m := range selectors {
				delete(unused, base(m[1]))
				checkSelector(t, panel.Title, all.series[m[1]], m[1], m[2], target.Expr)
			}
		}
	}
	if queries == 0 || len(unused) > 0 {
		t.Errorf("%d queries, and in none: %v", queries, unused)
	}
	for _, v := range readDashboard(t).Templating.List {
		name, is := strings.CutPrefix(v.Query, "label_values(")
		if name, _, _ = strings.Cut(name, ","); is && len(all.series[name]) == 0 {
			t.Errorf("there is no %s", name)
		}
	}
}

func checkSelector(
	t *testing.T, title string, series []map[string]string, name, matchers, query string,
) {
	t.Helper()
	if len(series) == 0 {
		t.Errorf("%s: there is no %s", title, name)
		return
	}
	has := func(label, value string) bool {
		return slices.ContainsFunc(series, func(labels map[string]string) bool {
			got, ok := labels[label]
			return ok && (value == "" || got == value)
		})
	}
	for _, g := range grouping.FindAllStringSubmatch(query, -1) {
		for label := range strings.SplitSeq(g[1], ", ") {
			if !has(label, "") {
				t.Errorf("%s: %s has no label %s", title, name, label)
			}
		}
	}
	for _, m := range matcher.FindAllStringSubmatch(matchers, -1) {
		for value := range strings.SplitSeq(m[3], "|") {
			if value == "$store" {
				value = "memory"
			}
			if !has(m[1], value) {
				t.Errorf("%s: no %s has %s=%q", title, name, m[1], value)
			}
		}
	}
}

// base returns the name of a metric without what Prometheus adds to that of a histogram.
func base(name string) string {
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// TestPage: the guide names each metric, and each panel of the dashboard.
func TestPage(t *testing.T) {
	page := readGuide(t)
	for _, panel := range readDashboard(t).Panels {
		if panel.Type != "row" && !strings.Contains(page, panel.Title) {
			t.Errorf("it does not explain the panel %q", panel.Title)
		}
	}
	s := newSite(t, cloakroom.Options{})
	s.telemetry.Store(&near{Store: s.faulty, hits: 7, misses: 2})
	everything(s)
	for _, name := range s.names() {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("it does not explain %s", name)
		}
	}
}
