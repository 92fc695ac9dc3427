package dynamodb

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/logging"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/integration/servers"
)

// flask is a Flask application with Flask-Session's own DynamoDB interface.
type flask struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

func startFlask(t *testing.T, d *servers.DynamoDB, lifetime time.Duration) *flask {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), servers.Flask(t), "testdata/flask_app.py", "http://"+d.Addr, fmt.Sprint(int(lifetime.Seconds())))
	cmd.Env = append(os.Environ(), "TZ=UTC") // elsewhere Flask-Session shifts expiries by the zone
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return &flask{t, in, bufio.NewReader(out)}
}

// want asks, and fails unless the answer is 200 and body. It returns the cookie, or "-".
func (f *flask) want(body, request string, args ...any) string {
	f.t.Helper()
	request = fmt.Sprintf(request, args...)
	if _, err := fmt.Fprintln(f.in, request); err != nil {
		f.t.Fatal(err)
	}
	line, err := f.out.ReadString('\n')
	parts := strings.SplitN(strings.TrimSpace(line), " ", 3)
	if err != nil || len(parts) != 3 || parts[0] != "200" || parts[2] != body {
		f.t.Fatalf("%s: %q, %v, want %q", request, line, err, body)
	}
	return parts[1]
}

// direct returns a client that sees items as they are.
func direct(t testing.TB, d *servers.DynamoDB) *dynamodb.Client {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("eu-central-1"), config.WithLogger(logging.Nop{}))
	if err != nil {
		t.Fatal(err)
	}
	return dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.BaseEndpoint = aws.String("http://" + d.Addr) })
}

// server returns the server that the tests share, without tables.
func server(t testing.TB) *servers.DynamoDB {
	t.Helper()
	d := servers.SharedDynamoDB(t)
	client := direct(t, d)
	tables, err := client.ListTables(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range tables.TableNames {
		_, err := client.DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: &tables.TableNames[i]})
		if err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// attributes returns an item.
func attributes(t *testing.T, c *dynamodb.Client, key string) map[string]types.AttributeValue {
	t.Helper()
	out, err := c.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String("Sessions"), Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: key}}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

// A table and items that Flask-Session 0.8 made are read and written, and so are this
// store's by Flask-Session.
func TestFlask(t *testing.T) {
	d := server(t)
	ctx, client := t.Context(), direct(t, d)
	const lifetime = time.Hour
	app := startFlask(t, d, lifetime)
	sid := app.want("set", "set - color red")
	// in Flask's table
	s := open(t, strings.Replace(d.URL("Sessions"), "&create=true", "&timeout=1m", 1))

	r, err := s.Load(ctx, sid)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(r.Data, []byte("color")) || !bytes.Contains(r.Data, []byte("red")) || r.Owner != "" {
		t.Errorf("loaded %+v", r)
	}
	if d := time.Until(r.Expires) - lifetime; d > time.Second || d < -time.Minute {
		t.Errorf("expires at %v, %v off", r.Expires, d)
	}
	app.want("red", "get %s color", sid)

	// Written here, read there.
	old := r
	r.Data, r.Owner, r.Deadline = bytes.Replace(r.Data, []byte("red"), []byte("sky"), 1), strings.Repeat("ab", 32), time.Now().Add(24*time.Hour)
	if r.Version, err = s.Replace(ctx, sid, old, r); err != nil {
		t.Fatal(err)
	}
	app.want("sky", "get %s color", sid)
	until := time.Now().Add(2 * lifetime)
	if err := s.Touch(ctx, sid, r, until); err != nil {
		t.Fatal(err)
	}
	app.want("sky", "get %s color", sid)

	// Flask overwrites blindly, which is noticed. The owner stays.
	stale := r
	if got := app.want("set", "set %s color tan", sid); got != sid {
		t.Errorf("the cookie is %q, and was %q", got, sid)
	}
	if _, err := s.Replace(ctx, sid, stale, stale); !errors.Is(err, cloakroom.ErrConflict) {
		t.Errorf("Replace of what Flask has overwritten: %v", err)
	}
	if err := s.Delete(ctx, sid, stale); !errors.Is(err, cloakroom.ErrConflict) {
		t.Errorf("Delete of what Flask has overwritten: %v", err)
	}
	if r, err = s.Load(ctx, sid); err != nil || !bytes.Contains(r.Data, []byte("tan")) || r.Owner != stale.Owner {
		t.Errorf("loaded %+v, %v", r, err)
	}
	page, _, err := s.Owned(ctx, stale.Owner, "", 10)
	if err != nil || len(page) != 1 || page[0].ID != sid || page[0].Record.Version != r.Version {
		t.Errorf("the owner has %+v, %v", page, err)
	}

	// Deleted on either side.
	if err := s.Delete(ctx, sid, r); err != nil {
		t.Error(err)
	}
	app.want("none", "get %s color", sid)
	other := app.want("set", "set - a b")
	if r, err = s.Load(ctx, other); err != nil {
		t.Fatal(err)
	}
	app.want("cleared", "clear %s", other)
	if _, err := s.Replace(ctx, other, r, r); !errors.Is(err, cloakroom.ErrNotFound) {
		t.Errorf("Replace of what Flask has deleted: %v", err)
	}

	// Made here, read and written there, and the layout is the same.
	made := strings.Repeat("Ab-_", 10) + "xyz"
	r.Expires = time.Now().Add(lifetime)
	if _, err := s.Create(ctx, made, r); err != nil {
		t.Fatal(err)
	}
	app.want("b", "get %s a", made)
	ours := attributes(t, client, "session:"+made)
	app.want("set", "set %s a c", made)
	theirs := attributes(t, client, "session:"+made)
	for name, v := range theirs {
		if got, want := fmt.Sprintf("%T", ours[name]), fmt.Sprintf("%T", v); got != want || len(ours) != len(theirs) {
			t.Errorf("%s is %s, want %s; %d attributes, want %d", name, got, want, len(ours), len(theirs))
		}
	}
}

// Flask-Session 0.8 means to turn TTL on, and does not. What piles up is swept, and
// CreateTable turns TTL on.
func TestFlaskTableWithoutTTL(t *testing.T) {
	d := server(t)
	ctx, client := t.Context(), direct(t, d)
	app := startFlask(t, d, time.Second)
	sid := app.want("set", "set - color red")
	ttl := func() types.TimeToLiveStatus {
		out, err := client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: aws.String("Sessions")})
		if err != nil {
			t.Fatal(err)
		}
		return out.TimeToLiveDescription.TimeToLiveStatus
	}
	if got := ttl(); got != types.TimeToLiveStatusDisabled {
		t.Errorf("TTL is %s in Flask's table", got)
	}
	s := open(t, strings.Replace(d.URL("Sessions"), "&create=true", "&timeout=1m", 1))
	servers.Until(t, "the record has expired", func() error {
		if _, err := s.Load(ctx, sid); !errors.Is(err, cloakroom.ErrNotFound) {
			return fmt.Errorf("%v", err)
		}
		return nil
	})
	if attributes(t, client, "session:"+sid) == nil {
		t.Error("the item is not there any more")
	}
	if n, next, err := s.Sweep(ctx, "", 100); n != 1 || next != "" || err != nil {
		t.Errorf("swept %d, %q, %v", n, next, err)
	}
	if attributes(t, client, "session:"+sid) != nil {
		t.Error("the item is still there")
	}
	for range 2 {
		if err := s.CreateTable(ctx); err != nil {
			t.Fatal(err)
		}
		if got := ttl(); got != types.TimeToLiveStatusEnabled {
			t.Errorf("TTL is %s", got)
		}
	}
}
