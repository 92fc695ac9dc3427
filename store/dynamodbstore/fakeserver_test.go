package dynamodbstore

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// script is a server that answers as it is told, for what a real one is not easily
// brought to say. Of an operation's answers each is given once, the last again and
// again.
type script struct {
	mu      sync.Mutex
	answers map[string][]reply
	asked   map[string][]map[string]any

	heard func() // called when the client has an answer, if not nil
}

// reply is an answer: a status and a body, or none at all, so that the connection breaks.
type reply struct {
	status int
	body   string
}

var broken = reply{}

func refuse(code, message string) reply {
	body, _ := json.Marshal(map[string]string{"__type": "com.amazonaws.dynamodb.v20120810#" + code, "message": message})
	return reply{http.StatusBadRequest, string(body)}
}

func fine(body string) reply { return reply{http.StatusOK, body} }

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, _ := io.ReadAll(r.Body)
	var request map[string]any
	_ = json.Unmarshal(body, &request)
	s.mu.Lock()
	s.asked[operation] = append(s.asked[operation], request)
	answer := fine("{}")
	if left := s.answers[operation]; len(left) > 0 {
		if answer = left[0]; len(left) > 1 {
			s.answers[operation] = left[1:]
		}
	}
	s.mu.Unlock()
	if answer == broken {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, answer.body)
}

func (s *script) set(operation string, answers ...reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[operation], s.asked = answers, map[string][]map[string]any{}
}

func (s *script) count(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked[operation])
}

func (s *script) last(operation string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.asked[operation]
	return all[len(all)-1]
}

// listener is an HTTP client that tells the script of answers that have come whole.
type listener struct {
	*http.Client
	script *script
}

func (l *listener) Do(r *http.Request) (*http.Response, error) {
	resp, err := l.Client.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if l.script.heard != nil {
		l.script.heard()
	}
	return resp, err
}

const secret = "hunter2hunter2"

// scripted returns a store on a scripted server. Its client would itself repeat everything.
func scripted(t *testing.T) (*Store, *script) {
	t.Helper()
	s := &script{answers: map[string][]reply{}, asked: map[string][]map[string]any{}}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint:     aws.String(srv.URL),
		Credentials:      aws.CredentialsProviderFunc(credentials),
		HTTPClient:       &listener{srv.Client(), s},
		Region:           "eu-central-1",
		RetryMaxAttempts: 9,
	})
	store, err := New(client, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store, s
}
