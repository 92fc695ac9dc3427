// Package demo runs the demo as processes, with each store.
package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloakroom-go/cloakroom/integration/demotest"
)

func TestMain(m *testing.M) { os.Exit(demotest.Main(m)) }

func TestMemory(t *testing.T) {
	demotest.Check(t, demotest.Store{
		URL:   func(testing.TB) string { return "memory:" },
		Lists: true,
	})
}

func TestFile(t *testing.T) {
	demotest.Check(t, demotest.Store{
		URL: func(t testing.TB) string {
			return (&url.URL{Scheme: "file", Path: filepath.Join(t.TempDir(), "sessions")}).String()
		},
		Shared:  true,
		Durable: true,
		Lists:   true,
	})
}

// TestTLS checks that the cookie has the safe defaults over HTTPS.
func TestTLS(t *testing.T) {
	cert, key, pool := selfSigned(t)
	d := demotest.Start(t, "--store", "memory:", "--tls", cert+","+key)
	if !strings.HasPrefix(d.URL, "https://127.0.0.1:") {
		t.Errorf("listening on %s", d.URL)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).PostForm(d.URL+"/set", url.Values{"value": {"v"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	cookies := resp.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d, cookies %v", resp.StatusCode, resp.Header["Set-Cookie"])
	}
	if c := cookies[0]; c.Name != "__Host-session" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("the cookie is %s with %+v", c.Name, c)
	}
}

// TestPlainCookie checks the cookie of the development switch.
func TestPlainCookie(t *testing.T) {
	d := demotest.Start(t, "--store", "memory:")
	resp, err := http.PostForm(d.URL+"/set", url.Values{"value": {"v"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	cookies := resp.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d, cookies %v", resp.StatusCode, resp.Header["Set-Cookie"])
	}
	if c := cookies[0]; c.Name != "session" || c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || !c.Expires.IsZero() {
		t.Errorf("the cookie is %s with %+v", c.Name, c)
	}
}

// TestClocks checks that --idle and --lifetime reach the sessions.
func TestClocks(t *testing.T) {
	d := demotest.Start(t, "--store", "memory:", "--lifetime", "90s")
	resp, err := http.Get(d.URL + "/page.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body := make([]byte, 512)
	n, _ := resp.Body.Read(body)
	if !strings.Contains(string(body[:n]), `"idleSeconds":90,"lifetimeSeconds":90`) {
		t.Errorf("got %s", body[:n])
	}
}

// selfSigned writes a certificate for 127.0.0.1 and its key.
func selfSigned(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret), pool
}
