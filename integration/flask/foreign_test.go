package flask_test

import (
	"testing"
)

// Go returns flash messages that are text, keeps others for Flask, and adds its own
// behind them. A category of None is empty.
func TestForeignFlashes(t *testing.T) {
	onSetUps(t, map[string]any{"retry": false, "login": false}, func(t *testing.T, p pair) {
		filled := func() *browser {
			b := &browser{t: t}
			b.do(p.python, "POST /fill session=flashes of many kinds")
			b.set(p.python, "a", "1")
			return b
		}
		want := filled().do(p.python, "GET /flashes").body
		b := filled()
		b.set(p.golang, "a", "2")
		b.answers(p.python, "GET /flashes", want)

		b = filled()
		b.answers(p.golang, "GET /flashes", `[["message","plain"],["","no category"],["error","last"]]`)
		b.answers(p.python, "GET /flashes", `[["form",{"email":["bad"]}],["message",404]]`)
		b.answers(p.golang, "GET /flashes", `[]`)

		b = filled()
		b.do(p.golang, "POST /flash category=info&message=of+Go")
		b.answers(p.python, "GET /flashes", want[:len(want)-1]+`,["info","of Go"]]`)
		b.holds(p.python, "a", "1")
	})
}

// A record of another serializer keeps its form when Go writes it.
func TestOtherSerializers(t *testing.T) {
	t.Parallel()
	settings := with(stores["redis"](t), map[string]any{"retry": false})
	names := []string{"pickle", "orjson", "pickle beside JSON", "orjson beside JSON"}
	pickle := with(settings, map[string]any{"serializer": "pickle"})
	orjson := with(settings, map[string]any{"serializer": "orjson"})
	pairs := start(t, pickle, orjson, with(pickle, inJSON), with(orjson, inJSON))
	for i, p := range pairs {
		t.Run(names[i], func(t *testing.T) {
			b := &browser{t: t}
			b.do(p.python, "POST /login user=ada")
			b.set(p.python, "text", `"grün"`)
			cookie := b.cookie
			b.answers(p.golang, "GET /whoami", "ada")
			b.answers(p.golang, "POST /count name=n", "1")
			b.answers(p.python, "GET /whoami", "ada")
			b.holds(p.python, "text", `"grün"`)
			b.holds(p.python, "n", "1")
			b.answers(p.golang, "POST /count name=n", "2")
			b.set(p.golang, "list", `[1, {"a": null}]`)
			b.holds(p.python, "list", `[1, {"a": null}]`)
			b.holds(p.python, "n", "2")
			if b.cookie != cookie {
				t.Error("the cookie changed")
			}
			b.do(p.golang, "POST /regenerate")
			b.answers(p.python, "GET /whoami", "ada")
			b.do(p.golang, "POST /logout")
			b.answers(p.python, "GET /whoami", "")
		})
	}
}
