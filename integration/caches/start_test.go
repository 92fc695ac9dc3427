// Package caches checks with shared caches that the ticket or the page of one visitor
// never reaches the next.
package caches

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// cache is a shared cache, configured to store as much as it can.
type cache struct {
	name    string
	program string
	// start starts the cache on a port of loopback, with an origin on another.
	start func(t *testing.T, path string, port, origin int, more string)
	// ignore is more of a configuration: by it the cache ignores what it is told.
	ignore string
}

var caches = []cache{
	{"Apache mod_cache", "apache2", startApache, "CacheStorePrivate on"},
	{"nginx proxy_cache", "nginx", startNginx, "proxy_ignore_headers Cache-Control Set-Cookie;"},
	{"Varnish", "varnishd", startVarnish,
		"sub vcl_backend_response { set beresp.ttl = 1m; return (deliver); }"},
}

// url starts the cache, with more of a configuration, and returns its URL.
func (c cache) url(t *testing.T, origin int, more string) string {
	t.Helper()
	path := servers.Need(t, c.program)
	port := servers.FreePort(t)
	c.start(t, path, port, origin, more)
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	servers.Until(t, "the cache answers", func() error {
		resp, err := http.Get(url + "/ready")
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	})
	return url
}

// folder returns a folder with a file in it, which a server may write to as any user.
func folder(t *testing.T, file, text string) (dir, path string) {
	t.Helper()
	dir = servers.TempDir(t)
	path = filepath.Join(dir, file)
	for _, err := range []error{os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "cache"), 0o777), os.Chmod(filepath.Join(dir, "cache"), 0o777),
		os.WriteFile(path, []byte(os.Expand(text, func(name string) string {
			if name == "DIR" {
				return dir
			}
			return "$" + name
		})), 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, path
}

// startApache also lets it store responses without expiry and modification time.
func startApache(t *testing.T, path string, port, origin int, more string) {
	const modules = "/usr/lib/apache2/modules/"
	if _, err := os.Stat(modules + "mod_cache_disk.so"); err != nil {
		t.Skipf("no modules of Apache in %s", modules)
	}
	text := fmt.Sprintf(`ServerRoot ${DIR}
ServerName localhost
Listen 127.0.0.1:%d
DefaultRuntimeDir ${DIR}
PidFile ${DIR}/pid
ErrorLog /dev/stderr
`, port)
	for _, module := range []string{"mpm_event", "authz_core", "proxy", "proxy_http", "cache", "cache_disk"} {
		text += fmt.Sprintf("LoadModule %s_module %smod_%s.so\n", module, modules, module)
	}
	if os.Getuid() == 0 {
		text += "User daemon\nGroup daemon\n"
	}
	text += fmt.Sprintf(`CacheRoot ${DIR}/cache
CacheEnable disk /
CacheIgnoreNoLastMod On
CacheDefaultExpire 3600
CacheHeader on
ProxyPass / http://127.0.0.1:%d/
%s
`, origin, more)
	dir, conf := folder(t, "httpd.conf", text)
	servers.Start(t, dir, path, "-D", "FOREGROUND", "-f", conf)
}

// startNginx lets it store for a minute any response that says nothing else.
func startNginx(t *testing.T, path string, port, origin int, more string) {
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n"
	}
	dir, conf := folder(t, "nginx.conf", user+fmt.Sprintf(`daemon off;
pid ${DIR}/pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path ${DIR}/body;
	proxy_temp_path ${DIR}/proxy;
	fastcgi_temp_path ${DIR}/fastcgi;
	uwsgi_temp_path ${DIR}/uwsgi;
	scgi_temp_path ${DIR}/scgi;
	proxy_cache_path ${DIR}/cache keys_zone=pages:1m;
	server {
		listen 127.0.0.1:%d;
		location / {
			proxy_pass http://127.0.0.1:%d;
			proxy_cache pages;
			proxy_cache_valid any 1m;
			%s
		}
	}
}
`, port, origin, more))
	servers.Start(t, dir, path, "-p", dir, "-c", conf)
}

// startVarnish lets it look up requests with cookies, which it passes by default.
func startVarnish(t *testing.T, path string, port, origin int, more string) {
	if os.Getenv("CI") != "true" {
		servers.Optional(t, "cc") // it compiles its configuration
	}
	dir, vcl := folder(t, "default.vcl", fmt.Sprintf(`vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "%d"; }
sub vcl_recv { if (req.method == "GET") { return (hash); } }
%s
`, origin, more))
	servers.Start(t, dir, path, "-F", "-j", "none", "-n", filepath.Join(dir, "work"), "-s", "malloc,16m",
		"-a", fmt.Sprintf("127.0.0.1:%d", port), "-f", vcl)
}
