package flask_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
	"github.com/cloakroom-go/cloakroom/store/cachelibstore"
	"github.com/cloakroom-go/cloakroom/store/memstore"
)

// The settings of a Flask application, under their own names.
func ExampleFromMap() {
	config, err := flask.FromMap(map[string]any{
		"SESSION_TYPE":               "redis",
		"SESSION_COOKIE_SECURE":      true,
		"PERMANENT_SESSION_LIFETIME": 3600,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(config.SessionType, config.SessionKeyPrefix, config.PermanentSessionLifetime)

	_, err = flask.FromMap(map[string]any{"SESSION_TYPE": "redis", "SESSION_USE_SIGNER": true})
	fmt.Println(err)
	// Output:
	// redis session: 1h0m0s
	// flask: SESSION_USE_SIGNER needs a SECRET_KEY
}

// A session that a version of Flask-Session before 0.7 pickled, and one that would run
// a command in Python.
func ExampleConvert() {
	data, err := flask.Convert([]byte("\x80\x04}\x8c\x04cart](\x8c\x04coat\x8c\x03hates."), cloakroom.JSON)
	fmt.Println(string(data), err)

	_, err = flask.Convert([]byte("cos\nsystem\n(Vecho pwned\ntR."), cloakroom.JSON)
	fmt.Println(err)
	// Output:
	// {"cart":["coat","hat"]} <nil>
	// flask: the stored session holds a Python object: pickle: holds an object, which is not read: os.system
}

func ExampleSigner() {
	signer, err := flask.NewSigner(flask.Secret("secret"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(signer.Sign("a"))
	fmt.Println(signer.Unsign("a.PEw_5WJ8oChCHrl7sxb06RQ_CyQ"))
	fmt.Println(signer.Unsign("b.PEw_5WJ8oChCHrl7sxb06RQ_CyQ"))
	// Output:
	// a.PEw_5WJ8oChCHrl7sxb06RQ_CyQ
	// a true
	//  false
}

// A site that shares its sessions with a Flask application on the same folder. With
// SESSION_TYPE redis it would pass redisstore.Opener(), and likewise for the others.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "flask_session")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	config := flask.Default()
	config.SessionType = "filesystem"
	config.SessionFileDir = dir
	config.SessionCookieSecure = true

	sessions, closer, err := flask.Open(context.Background(), config, cachelibstore.Opener())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()

	const cart = cloakroom.Key[[]string]("cart")
	site := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cart.Set(sessions.Get(r), []string{"coat"}) // session["cart"] in Python
	}))
	w := httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequest("POST", "/cart", nil))
	for _, c := range w.Result().Cookies() {
		fmt.Println(c.Name, len(c.Value), c.Secure, c.HttpOnly)
	}
	// Output:
	// session 43 true true
}

// A manager on a store that is open already, with what Flask has no setting for.
func ExampleConfig_Options() {
	config := flask.Default()
	config.SessionType = "redis"
	options, err := config.Options()
	if err != nil {
		fmt.Println(err)
		return
	}
	options.Lifetime = 90 * 24 * time.Hour // for what Cloakroom serves: Flask has no absolute end

	// redisstore.New(client, redisstore.Options{}) where Flask is to share it
	store, err := memstore.New(memstore.Options{})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	sessions, err := cloakroom.New(store, options)
	fmt.Println(sessions != nil, err)
	// Output:
	// true <nil>
}
