package flask_test

import (
	"path/filepath"
	"reflect"
	"time"

	"github.com/cloakroom-go/cloakroom/flask"
)

// defaults returns the profile's defaults by Flask's names, in the form of
// testdata/defaults.py.
func defaults() map[string]any {
	all := map[string]any{}
	c := flask.Default()
	fields := reflect.ValueOf(c)
	for i := range fields.NumField() {
		name := fields.Type().Field(i).Tag.Get("flask")
		switch v := fields.Field(i).Interface().(type) {
		case time.Duration:
			all[name] = int(v / time.Second)
		case bool:
			all[name] = map[bool]string{true: "True", false: "False"}[v] // as Python prints them
		case string:
			all[name] = v
			if name == "SESSION_FILE_DIR" {
				all[name], _ = filepath.Abs(v)
			}
		default:
			all[name] = fields.Field(i).Interface()
			if fields.Field(i).CanUint() {
				all[name] = fields.Field(i).Uint()
			}
		}
		if name == "SESSION_CLEANUP_N_REQUESTS" || fields.Field(i).Kind() == reflect.Slice {
			all[name] = ""
		}
	}
	return all
}
