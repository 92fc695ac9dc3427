package servers

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// DynamoDB is DynamoDB Local, Amazon's own emulator. It has no option to listen on
// loopback alone.
type DynamoDB struct {
	*Process
	Addr string // 127.0.0.1:PORT
}

// dynamoDBVersion is the version that scripts/install-dynamodb-local installs.
const dynamoDBVersion = "2.6.1"

// credentials are arbitrary: DynamoDB Local wants requests signed, by any key.
var credentials sync.Once

// DynamoDBOptions configure a server. The zero value keeps its data in memory.
type DynamoDBOptions struct {
	// keep data in files, which outlive the server
	Durable bool
}

// StartDynamoDB starts a server and waits until it answers. It sets credentials in the
// environment, for the processes that the test starts too, and removes others.
func StartDynamoDB(t testing.TB, opts DynamoDBOptions) *DynamoDB {
	t.Helper()
	java := Need(t, "java")
	lib := filepath.Join(root(t), ".cache", "dynamodb-local", dynamoDBVersion, "lib")
	if _, err := os.Stat(filepath.Join(filepath.Dir(lib), "ready")); err != nil {
		missing(t, "DynamoDB Local", "scripts/install-dynamodb-local")
	}
	credentials.Do(func() {
		for name, value := range map[string]string{
			"AWS_ACCESS_KEY_ID": "cloakroom", "AWS_SECRET_ACCESS_KEY": "secret",
			"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
			"AWS_EC2_METADATA_DISABLED": "true",
		} {
			if err := os.Setenv(name, value); err != nil {
				t.Fatal(err)
			}
		}
		// not set to empty: Python takes an empty profile for a name
		for _, name := range []string{"AWS_PROFILE", "AWS_SESSION_TOKEN"} {
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	})
	for try := 0; ; try++ {
		data, dir := []string{"-inMemory"}, ""
		if opts.Durable {
			data, dir = []string{"-dbPath", "."}, memoryDir(t)
		}
		port := strconv.Itoa(FreePort(t))
		d := &DynamoDB{Addr: "127.0.0.1:" + port}
		d.Process = Start(t, dir, java, append([]string{
			"-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
			"-Djava.library.path=" + lib, "-cp", filepath.Join(lib, "*"),
			"com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
			"-port", port, "-sharedDb", "-disableTelemetry",
		}, data...)...)
		Until(t, "the server answers", func() error {
			if !d.Running() {
				return nil
			}
			return d.ping()
		})
		if d.Running() {
			return d
		}
		if try == 5 {
			t.Fatalf("the server ends at once; its log:\n%s", d.Log())
		}
	}
}

// URL returns the URL of a table, which is made when first opened.
func (d *DynamoDB) URL(table string) string {
	return fmt.Sprintf("dynamodb://%s?endpoint=http://%s&region=eu-central-1&create=true",
		table, d.Addr)
}

// Restart starts a killed server with the data that it had, and waits until it answers.
func (d *DynamoDB) Restart(t testing.TB) {
	t.Helper()
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	Until(t, "the server answers", d.ping)
}

// ping checks that the server answers: it refuses a request without a signature.
func (d *DynamoDB) ping() error {
	client := http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + d.Addr + "/") //nolint:noctx // it has a timeout
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // what counts was read
	body, err := io.ReadAll(resp.Body)
	if err == nil && !strings.Contains(string(body), "MissingAuthenticationToken") {
		err = errors.New(resp.Status)
	}
	return err
}
