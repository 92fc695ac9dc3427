package proxies

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// proxy is a program, and how to start it with the configuration that docs/proxy.md has for it.
type proxy struct {
	name     string // in the page, what its code is marked with
	optional bool
	program  string
	complete func(t *testing.T, p *place) (arguments []string)
}

var proxies = []proxy{
	{name: "nginx", program: "nginx", complete: nginx},
	{name: "apache", program: "apache2", complete: apache},
	{name: "haproxy", program: "haproxy", complete: haproxy, optional: true},
	{name: "caddy", program: "caddy", complete: caddy, optional: true},
}

// place is where a proxy runs, with the page's configuration for it.
type place struct {
	dir, text string
	port      int
	tls       *servers.TLS
}

// start starts the proxy in front of an application, and returns its port.
func (p proxy) start(t *testing.T, tls *servers.TLS, origin string) int {
	t.Helper()
	find := servers.Need
	if p.optional {
		find = servers.Optional
	}
	path := find(t, p.program)
	at := &place{dir: servers.TempDir(t), text: configuration(t, p.name), port: servers.FreePort(t), tls: tls}
	if err := os.Chmod(at.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	at.replace(t, "127.0.0.1:8080", origin)
	arguments := p.complete(t, at)
	servers.Start(t, at.dir, path, arguments...)
	return at.port
}

// configuration returns the page's code that is marked with a word.
func configuration(t *testing.T, mark string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/proxy.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)\n```"+mark+"\n(.*?)\n```\n").FindAllStringSubmatch(string(page), -1)
	if len(code) != 1 {
		t.Fatalf("docs/proxy.md has %d configurations for %s, want 1", len(code), mark)
	}
	return code[0][1] + "\n"
}

// replace changes what the page has to what there is here.
func (p *place) replace(t *testing.T, former, now string) {
	t.Helper()
	if !strings.Contains(p.text, former) {
		t.Fatalf("docs/proxy.md has no %q in\n%s", former, p.text)
	}
	p.text = strings.ReplaceAll(p.text, former, now)
}

// listen replaces port 443.
func (p *place) listen(t *testing.T, former, now string) {
	t.Helper()
	p.replace(t, former+"443", now+strconv.Itoa(p.port))
}

// write writes a file, and returns its path.
func (p *place) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func nginx(t *testing.T, p *place) []string {
	t.Helper()
	p.listen(t, "listen ", "listen 127.0.0.1:")
	p.replace(t, "/etc/ssl/shop.pem", p.tls.Cert)
	p.replace(t, "/etc/ssl/shop.key", p.tls.Key)
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n"
	}
	text := user + "daemon off;\npid pid;\nevents {}\nhttp {\naccess_log off;\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		text += fmt.Sprintf("%s_temp_path %s;\n", kind, kind)
	}
	p.write(t, "nginx.conf", text+p.text+"}\n")
	return []string{"-e", "stderr", "-p", p.dir, "-c", "nginx.conf"}
}

func apache(t *testing.T, p *place) []string {
	t.Helper()
	const modules = "/usr/lib/apache2/modules/"
	if _, err := os.Stat(modules + "mod_proxy_http.so"); err != nil {
		t.Skipf("no modules of Apache in %s", modules)
	}
	p.listen(t, "*:", "*:")
	p.replace(t, "/etc/ssl/shop.pem", p.tls.Cert)
	p.replace(t, "/etc/ssl/shop.key", p.tls.Key)
	text := fmt.Sprintf("ServerRoot %s\nListen 127.0.0.1:%d\nDefaultRuntimeDir .\nPidFile pid\nErrorLog /dev/stderr\n", p.dir, p.port)
	for _, module := range []string{"mpm_event", "authz_core", "headers", "proxy", "proxy_http", "ssl"} {
		text += fmt.Sprintf("LoadModule %s_module %smod_%s.so\n", module, modules, module)
	}
	if os.Getuid() == 0 {
		text += "User daemon\nGroup daemon\n"
	}
	return []string{"-D", "FOREGROUND", "-f", p.write(t, "httpd.conf", text+p.text)}
}

func haproxy(t *testing.T, p *place) []string {
	t.Helper()
	p.listen(t, "bind :", "bind 127.0.0.1:")
	var both string
	for _, path := range []string{p.tls.Cert, p.tls.Key} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		both += string(text)
	}
	p.replace(t, "/etc/ssl/shop.pem", p.write(t, "shop.pem", both))
	return []string{"-db", "-f", p.write(t, "haproxy.cfg", p.text)}
}

// caddy gets a certificate, where the page leaves it to make its own.
func caddy(t *testing.T, p *place) []string {
	t.Helper()
	p.replace(t, host+" {\n", fmt.Sprintf("%s {\n\ttls %s %s\n\tbind 127.0.0.1\n", host, p.tls.Cert, p.tls.Key))
	options := fmt.Sprintf("{\n\tadmin off\n\tauto_https disable_redirects\n\thttps_port %d\n\tstorage file_system %s\n}\n", p.port, p.dir)
	return []string{"run", "--adapter", "caddyfile", "--config", p.write(t, "Caddyfile", options+p.text)}
}
