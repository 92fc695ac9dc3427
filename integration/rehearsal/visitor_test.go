package rehearsal

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// visitor has a browser, knows what the shop acknowledged, and expects to find it again.
// It sends one request after the other, except to paths that only Go answers: a slow
// request of Flask may overwrite.
type visitor struct {
	crowd  *crowd
	name   string
	lots   *rand.Rand
	client *http.Client
	base   *url.URL

	owner   string // empty when signed out
	cart    []string
	note    string // as JSON
	visits  int
	flashes [][2]string

	count  int      // numbers everything put, noted, flashed and signed in
	former []string // cookies that ended, by a sign-out or by a new cookie
	left   []string // cookies of sessions that were signed out

	mu    sync.Mutex
	trail []string // the latest requests and responses
}

func newVisitor(c *crowd, number int, base *url.URL) *visitor {
	v := &visitor{crowd: c, name: fmt.Sprintf("visitor%d", number), base: base, note: "null"}
	v.lots = rand.New(rand.NewPCG(c.seed, uint64(number)))
	jar, _ := cookiejar.New(nil) // it returns no error
	v.client = &http.Client{Jar: jar, Timeout: c.patience, Transport: c.transport}
	return v
}

// step is an action of a visitor.
type step struct {
	weight int
	may    func(*visitor) bool
	do     func(*visitor) error
}

func always(*visitor) bool      { return true }
func (v *visitor) isIn() bool   { return v.owner != "" }
func (v *visitor) isOut() bool  { return v.owner == "" }
func (v *visitor) hadOne() bool { return len(v.former) > 0 }

var steps = []step{
	{6, (*visitor).isOut, func(v *visitor) error { return v.signIn("/login") }},
	{6, (*visitor).isOut, func(v *visitor) error { return v.signIn("/join") }},
	{1, (*visitor).isIn, func(v *visitor) error { return v.signOut("/logout") }},
	{1, (*visitor).isIn, func(v *visitor) error { return v.signOut("/leave") }},
	{3, (*visitor).hasRoom, (*visitor).put},
	{3, always, (*visitor).write},
	{3, always, (*visitor).visit},
	{3, always, (*visitor).flash},
	{3, always, func(v *visitor) error { return v.finds("/cart", v.items()) }},
	{3, always, (*visitor).read},
	{5, always, (*visitor).look},
	{2, (*visitor).hadOne, (*visitor).tryFormer},
	{2, func(v *visitor) bool { return v.isIn() && v.crowd.moved("/visit") }, (*visitor).visitAtOnce},
	{
		1, func(v *visitor) bool { return v.isIn() && v.crowd.moved("/leave", "/put") },
		(*visitor).leaveMeanwhile,
	},
}

// step does a random step.
func (v *visitor) step() error {
	sum := 0
	var can []step
	for _, s := range steps {
		if s.may(v) {
			can, sum = append(can, s), sum+s.weight
		}
	}
	lot := v.lots.IntN(sum)
	for _, s := range can {
		if lot -= s.weight; lot < 0 {
			return s.do(v)
		}
	}
	return errors.New("no step") // it cannot be
}

func (v *visitor) next() int {
	v.count++
	return v.count
}

// signIn keeps the values of the session, under a new cookie.
func (v *visitor) signIn(path string) error {
	former, owner := v.cookie(), fmt.Sprintf("%s.%d", v.name, v.next())
	form := url.Values{"user": {owner}}
	if v.lots.IntN(2) == 0 {
		// Flask-Login then signs in by its own cookie, until the sign-out
		form.Set("remember", "on")
	}
	if _, err := v.post(path, form); err != nil {
		return err
	}
	v.owner = owner
	return v.leaves(former)
}

func (v *visitor) signOut(path string) error {
	former := v.cookie()
	if _, err := v.post(path, nil); err != nil {
		return err
	}
	v.left = append(v.left, v.owner)
	v.owner, v.cart, v.note, v.visits, v.flashes = "", nil, "null", 0, nil
	return v.leaves(former)
}

// leaves notes the cookie of a session that ended.
func (v *visitor) leaves(former string) error {
	if former != "" && former == v.cookie() {
		return errors.New("the cookie is the former one")
	}
	if former != "" {
		v.former = append(v.former, former)
	}
	return nil
}

func (v *visitor) hasRoom() bool { return len(v.cart) < 30 }

func (v *visitor) put() error {
	item := fmt.Sprintf("мантия %d", v.next())
	if _, err := v.post("/put", url.Values{"item": {item}}); err != nil {
		return err
	}
	v.cart = append(v.cart, item)
	return nil
}

func (v *visitor) write() error {
	text := fmt.Sprintf(`{"number": %d, "list": [null, true, 0.5, {"text": "\u00fc"}]}`, v.next())
	if _, err := v.post("/note", url.Values{"note": {text}}); err != nil {
		return err
	}
	v.note = text
	return nil
}

func (v *visitor) visit() error {
	got, err := v.post("/visit", nil)
	if err != nil {
		return err
	}
	v.visits++
	return v.same("the visits", got, fmt.Sprint(v.visits))
}

func (v *visitor) flash() error {
	f := [2]string{"message", fmt.Sprintf("flash %d", v.next())}
	if _, err := v.post("/flash", url.Values{"category": {f[0]}, "message": {f[1]}}); err != nil {
		return err
	}
	v.flashes = append(v.flashes, f)
	return nil
}

func (v *visitor) read() error {
	want := v.flashes
	if want == nil {
		want = [][2]string{}
	}
	v.flashes = nil // reading removes them
	return v.finds("/messages", want)
}

func (v *visitor) items() []string {
	if v.cart == nil {
		return []string{}
	}
	return v.cart
}

// look checks everything but the flashes, which reading would remove.
func (v *visitor) look() error {
	return v.finds("/account", []any{v.owner, v.items(), json.RawMessage(v.note), v.visits})
}

// tryFormer visits with a cookie whose session has ended. It must have no effect.
func (v *visitor) tryFormer() error { return v.try(v.former[v.lots.IntN(len(v.former))]) }

func (v *visitor) try(cookie string) error {
	got, err := v.get("/account", cookie)
	if err != nil {
		return err
	}
	return v.same("a former cookie's account", got, `["", [], null, 0]`)
}

// visitAtOnce visits three times at once, where Go counts exactly.
func (v *visitor) visitAtOnce() error {
	answers := v.atOnce(
		func() (string, error) { return v.post("/visit", nil) },
		func() (string, error) { return v.post("/visit", nil) },
		func() (string, error) { return v.post("/visit", nil) },
	)
	var got, want []string
	for _, a := range answers {
		if a.err != nil {
			return a.err
		}
		got = append(got, a.text)
		v.visits++
		want = append(want, fmt.Sprint(v.visits))
	}
	slices.Sort(got)
	slices.Sort(want)
	return v.same("visits at once", strings.Join(got, " "), strings.Join(want, " "))
}

// leaveMeanwhile signs out while another request puts something in the cart, both in Go.
// The response to the latter is lost.
func (v *visitor) leaveMeanwhile() error {
	cookie := v.cookie()
	answers := v.atOnce(
		func() (string, error) { return "", v.signOut("/leave") },
		func() (string, error) { return v.send("POST", "/put", url.Values{"item": {"late"}}, cookie) },
	)
	return errors.Join(answers[0].err, answers[1].err, v.look(), v.try(cookie))
}

type outcome struct {
	text string
	err  error
}

func (v *visitor) atOnce(calls ...func() (string, error)) []outcome {
	outcomes := make([]outcome, len(calls))
	done := make(chan struct{})
	for i, call := range calls {
		go func() {
			outcomes[i].text, outcomes[i].err = call()
			done <- struct{}{}
		}()
	}
	for range calls {
		<-done
	}
	return outcomes
}

// finds checks the content of a page.
func (v *visitor) finds(path string, want any) error {
	got, err := v.get(path, "")
	if err != nil {
		return err
	}
	text, err := json.Marshal(want)
	if err != nil {
		return err
	}
	return v.same(path, got, string(text))
}

// same compares JSON.
func (v *visitor) same(what, got, want string) error {
	var a, b any
	if got == want {
		return nil
	}
	err := errors.Join(json.Unmarshal([]byte(got), &a), json.Unmarshal([]byte(want), &b))
	if err == nil && reflect.DeepEqual(a, b) {
		return nil
	}
	return fmt.Errorf("%s: got %s, want %s", what, got, want)
}

func (v *visitor) post(path string, form url.Values) (string, error) {
	return v.send(http.MethodPost, path, form, "")
}

func (v *visitor) get(path, cookie string) (string, error) {
	return v.send(http.MethodGet, path, nil, cookie)
}

// cookie returns the session's cookie, or nothing.
func (v *visitor) cookie() string {
	for _, c := range v.client.Jar.Cookies(v.base) {
		if c.Name == "session" {
			return c.Value
		}
	}
	return ""
}

// send sends a request with the cookies of the jar, or with another session's cookie and
// without keeping the response's. Any status but 200 is an error.
func (v *visitor) send(method, path string, form url.Values, cookie string) (string, error) {
	r, err := http.NewRequest(method, v.base.String()+path, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client, shown := v.client, v.cookie()
	if cookie != "" {
		client, shown = &http.Client{Timeout: v.client.Timeout, Transport: v.client.Transport}, cookie
		r.AddCookie(&http.Cookie{Name: "session", Value: cookie})
	}
	resp, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	by := resp.Header.Get("X-Side")
	v.remember("%s %s %s with %s: %s: %d %.200s, then %s", method, path, form.Encode(),
		digest(shown), by, resp.StatusCode, body, digest(v.cookie()))
	if v.crowd.excused(cookie != "", resp.StatusCode, by) {
		return `["", [], null, 0]`, nil
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s %s: %s: %s", method, path, by, resp.Status)
	}
	v.crowd.served(path, by)
	return string(body), nil
}

// remember keeps the latest lines for the message of a failure.
func (v *visitor) remember(format string, args ...any) {
	const most = 25
	v.mu.Lock()
	defer v.mu.Unlock()
	v.trail = append(v.trail[max(0, len(v.trail)-most):], fmt.Sprintf(format, args...))
}

// digest identifies a cookie without showing it.
func digest(cookie string) string {
	if cookie == "" {
		return "no cookie"
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(cookie)))[:6]
}
