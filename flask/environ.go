package flask

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// FromEnv is [FromMap] with the environment variables that Flask's from_prefixed_env
// would take, such as FLASK_SESSION_TYPE. The prefix is "FLASK" unless another is
// given; an underscore follows it. Values are JSON, or else strings: as in Flask,
// `true` is a bool and `True` is not, which is an error here.
//
// Of the other variables with the prefix, those that are hardly but a known name
// misspelled are errors, and so are unknown ones of CLOAKROOM_. The rest are other
// extensions' affair, such as FLASK_SESSION_PROTECTION of Flask-Login.
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

// guarded are how the names begin that a misspelled one is looked for among: those on
// which it depends whether a visitor's session is found, and safe.
var guarded = []string{"CLOAKROOM_", "PERMANENT_SESSION_", "REMEMBER_COOKIE_", "SESSION_"}

// slips is by how many characters a name may differ from the one that is meant.
const slips = 2

// misspelled returns an error for an unknown name that is hardly another extension's.
func misspelled(name string, known []string) error {
	if h := hint(name); h != "" {
		return fmt.Errorf("flask: unknown setting %s%s", name, h)
	}
	for _, k := range known {
		isGuarded := slices.ContainsFunc(guarded, func(g string) bool { return strings.HasPrefix(k, g) })
		if isGuarded && max(len(name)-len(k), len(k)-len(name)) <= slips && distance(name, k) <= slips {
			return fmt.Errorf("flask: unknown setting %s: is it %s?", name, k)
		}
	}
	if strings.HasPrefix(name, "CLOAKROOM_") {
		return fmt.Errorf("flask: unknown setting %s", name)
	}
	return nil
}

// distance is how many characters must be put in, left out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0] // of the row above, to the left
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost = min(before, row[j], row[j+1]) + 1
			}
			before, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// envText is a value from the environment: what it is as JSON, and its text.
type envText struct {
	value any // nil when it is null or no JSON
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
