package flask

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
)

// FromMap returns [Default] with the settings given under Flask's own names, validated: see [Config.Validate].
// Values are what Python would have: strings, bools and integers, also as float64 and [json.Number]; a lifetime in
// seconds or as a [time.Duration]; keys as strings or []byte; nil for None, which is the default. A client object
// of Python's is the store's URL. A name that is unknown, or a value of another type, is an error that names it.
func FromMap(settings map[string]any) (Config, error) {
	c := Default()
	known := c.settings()
	for _, name := range sortedKeys(settings) {
		set, ok := known[name]
		if !ok {
			return Config{}, fmt.Errorf("flask: unknown setting %s%s", name, hint(name))
		}
		if settings[name] == nil {
			continue
		}
		if err := set(settings[name]); err != nil {
			return Config{}, fmt.Errorf("flask: %s %w", name, err)
		}
	}
	return c, c.Validate()
}

// FromEnv is [FromMap] with the environment variables that Flask's from_prefixed_env would take, such as
// FLASK_SESSION_TYPE. The prefix is "FLASK" unless another is given; an underscore follows it. Values are JSON, or
// else strings: as in Flask, `true` is a bool and `True` is not, which is an error here. Of the other variables with
// the prefix, those that begin like a setting of sessions must be known, and the rest are Flask's own affair.
func FromEnv(prefix string) (Config, error) { return fromEnviron(prefix, os.Environ()) }

// related are how the names of settings that this package is about begin.
var related = []string{"SESSION_", "SECRET_", "PERMANENT_"}

func fromEnviron(prefix string, environ []string) (Config, error) {
	if prefix == "" {
		prefix = "FLASK"
	}
	c := Default()
	known := c.settings()
	settings := map[string]any{}
	for _, variable := range environ {
		full, text, _ := strings.Cut(variable, "=")
		name, ok := strings.CutPrefix(full, prefix+"_")
		_, isKnown := known[name]
		if !ok || !isKnown && !slices.ContainsFunc(related, func(r string) bool { return strings.HasPrefix(name, r) }) {
			continue
		}
		settings[name] = envValue(text)
	}
	return FromMap(settings)
}

// envText is a value from the environment: what it is as JSON, and its text.
type envText struct {
	value any // nil when it is null or no JSON
	text  string
}

func envValue(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return envText{nil, text}
	}
	if v == nil {
		return nil
	}
	return envText{v, text}
}

// settings returns how to set each field, by its Flask name.
func (c *Config) settings() map[string]func(any) error {
	known := map[string]func(any) error{}
	fields := reflect.ValueOf(c).Elem()
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Tag.Get("flask")
		field := fields.Field(i).Addr().Interface()
		known[name] = func(v any) error { return assign(field, v) }
	}
	return known
}

// assign sets what field points to. Its errors do not show the value, which may be secret.
func assign(field, v any) error {
	if env, ok := v.(envText); ok {
		v = env.value
		switch _, isText := env.value.(string); field.(type) {
		case *string, *Secret:
			if !isText {
				v = env.text // a name or a key may well be digits alone
			}
		}
		if v == nil {
			v = env.text
		}
	}
	switch field := field.(type) {
	case *string:
		return assignString(field, v)
	case *bool:
		b, ok := v.(bool)
		if !ok {
			return errors.New("is no bool: want true or false")
		}
		*field = b
	case *int:
		n, err := integer(v)
		*field = int(n)
		return err
	case *fs.FileMode:
		n, err := integer(v)
		if n < 0 {
			err = errNoNumber
		}
		*field = fs.FileMode(n)
		return err
	case *time.Duration:
		return assignDuration(field, v)
	case *Secret:
		return assignSecret(field, v)
	case *[]Secret:
		return assignSecrets(field, v)
	default:
		return fmt.Errorf("has a field of type %T", field) // a bug, which a test finds
	}
	return nil
}

func assignString(field *string, v any) error {
	s, ok := v.(string)
	if !ok {
		return errors.New("is no string")
	}
	*field = s
	return nil
}

var errNoNumber = errors.New("is no integer in range")

// integer returns an int32, which every field has room for.
func integer(v any) (int32, error) {
	var n int64
	switch v := v.(type) {
	case json.Number:
		var err error
		if n, err = v.Int64(); err != nil {
			return 0, errNoNumber
		}
	case float64:
		if n = int64(v); float64(n) != v {
			return 0, errNoNumber
		}
	default:
		r := reflect.ValueOf(v)
		switch {
		case r.CanInt():
			n = r.Int()
		case r.CanUint() && r.Uint() <= math.MaxInt32:
			n = int64(r.Uint())
		default:
			return 0, errNoNumber
		}
	}
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, errNoNumber
	}
	return int32(n), nil
}

func assignDuration(field *time.Duration, v any) error {
	if d, ok := v.(time.Duration); ok {
		*field = d
		return nil
	}
	n, err := integer(v)
	if err != nil {
		return errors.New("is no whole number of seconds")
	}
	*field = time.Duration(n) * time.Second
	return nil
}

func assignSecret(field *Secret, v any) error {
	switch v := v.(type) {
	case string:
		*field = Secret(v)
	case []byte:
		*field = Secret(v)
	case Secret:
		*field = v
	default:
		return errors.New("is neither a string nor bytes")
	}
	return nil
}

func assignSecrets(field *[]Secret, v any) error {
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice || list.Type().Elem().Kind() == reflect.Uint8 {
		return errors.New("is no list of strings")
	}
	keys := make([]Secret, list.Len())
	for i := range keys {
		if err := assignSecret(&keys[i], list.Index(i).Interface()); err != nil {
			return fmt.Errorf("has an element that %w", err)
		}
	}
	*field = keys
	return nil
}

// hint helps with names that Flask-Session's manual has, and its code has not.
func hint(name string) string {
	switch name {
	case "SESSION_DYNAMODB_TABLE_NAME":
		return ": it is SESSION_DYNAMODB_TABLE"
	case "SESSION_COOKIE_MAX_AGE":
		return ": it is PERMANENT_SESSION_LIFETIME"
	}
	return ""
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
