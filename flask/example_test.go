package flask_test

import (
	"fmt"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/flask"
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

// A session that a version of Flask-Session before 0.7 pickled, and one that would run a command in Python.
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
