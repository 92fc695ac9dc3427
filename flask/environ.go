package flask

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// FromEnv is [FromMap] for the environment variables that Flask's from_prefixed_env
// takes, such as FLASK_SESSION_TYPE. An empty prefix stands for "FLASK"; an underscore
// follows the prefix. Values are JSON or else strings: as in Flask, `true` is a bool and
// `True` is not, which is an error here.
//
// A variable whose name is close to that of a known setting is an error, as a
// misspelling, and so is an unknown one of CLOAKROOM_. Others with the prefix are
// ignored, since they belong to other extensions, such as FLASK_SESSION_PROTECTION of
// Flask-Login.
func FromEnv(prefix string) (Config, error) { return fromEnviron(prefix, os.Environ()) }

func fromEnviron(prefix string, environ []string) (Config, error) {
	if prefix == "" {
		prefix = "FLASK"
	}
	c := Default()
	known := c.settings()
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	settings := map[string]any{}
	for _, variable := range environ {
		full, text, _ := strings.Cut(variable, "=")
		name, ok := strings.CutPrefix(full, prefix+"_")
		if !ok {
			continue
		}
		if known[name] == nil {
			if err := misspelled(name, names); err != nil {
				return Config{}, err
			}
			continue
		}
		settings[name] = envValue(text)
	}
	return FromMap(settings)
}

// guarded are the prefixes of the settings whose misspelling would lose or expose
// sessions.
var guarded = []string{"CLOAKROOM_", "PERMANENT_SESSION_", "REMEMBER_COOKIE_", "SESSION_"}

// slips is how many characters of a misspelled name may be wrong.
const slips = 2

// misspelled returns an error if an unknown name looks like a known one.
func misspelled(name string, known []string) error {
	if h := hint(name); h != "" {
		return fmt.Errorf("flask: unknown setting %s%s", name, h)
	}
	for _, k := range known {
		isGuarded := slices.ContainsFunc(guarded, func(g string) bool {
			return strings.HasPrefix(k, g)
		})
		longer := max(len(name)-len(k), len(k)-len(name))
		if isGuarded && longer <= slips && distance(name, k) <= slips {
			return fmt.Errorf("flask: unknown setting %s: is it %s?", name, k)
		}
	}
	if strings.HasPrefix(name, "CLOAKROOM_") {
		return fmt.Errorf("flask: unknown setting %s", name)
	}
	return nil
}

// distance counts the characters to insert, delete or change to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0] // of the row above
		row[0] = i + 1
		for j := range len(b) {
			cost := left
			if a[i] != b[j] {
				cost = min(left, row[j], row[j+1]) + 1
			}
			left, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// envText is the value of an environment variable.
type envText struct {
	value any // the text read as JSON; nil if it is not JSON
	text  string
}

const jsonSpace = " \t\r\n"

func envValue(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || strings.Trim(text[d.InputOffset():], jsonSpace) != "" {
		return envText{nil, text}
	}
	if v == nil {
		return nil
	}
	return envText{v, text}
}
