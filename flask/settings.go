package flask

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// FromMap returns [Default] changed by settings, which are named as in Flask, and
// validates the result: see [Config.Validate].
//
// Values are those of Python: strings, bools and integers, also as float64 and
// [json.Number]; a lifetime in seconds or as a [time.Duration]; keys as strings or
// []byte; nil for None, which is the default. Where Flask has a client object, it is the
// store's URL. An unknown name or a value of another type is an error that names the
// setting.
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

// settings returns, by Flask name, a function that sets the field.
func (c *Config) settings() map[string]func(any) error {
	known := map[string]func(any) error{}
	fields := reflect.ValueOf(c).Elem()
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Tag.Get("flask")
		field := fields.Field(i).Addr().Interface()
		known[name] = func(v any) error {
			if slices.Contains(noneIfFalse, name) && isFalse(v) {
				v = ""
			}
			return assign(field, v)
		}
	}
	return known
}

// noneIfFalse are the settings of cookies where False means none in Flask.
var noneIfFalse = []string{"REMEMBER_COOKIE_DOMAIN", "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH"}

// isFalse reports whether a value is false, or a spelling of Python's False or None.
func isFalse(v any) bool {
	if env, ok := v.(envText); ok {
		v = env.text
	}
	switch v := v.(type) {
	case bool:
		return !v
	case string:
		return strings.EqualFold(v, "false") || v == "None"
	}
	return false
}

// assign sets what field points to. Its errors do not show the value, which may be
// secret.
func assign(field, v any) error {
	if env, ok := v.(envText); ok {
		v = env.value
		switch _, isText := env.value.(string); field.(type) {
		case *string, *Secret:
			if !isText {
				v = env.text // a name or a key may be digits alone
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
		return fmt.Errorf("has a field of type %T", field) // a bug: TestEveryField finds it
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

// integer converts v to an int32, which fits every field.
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

// hint corrects names that are in Flask-Session's manual but not in its code.
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
