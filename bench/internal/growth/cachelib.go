package growth

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/cloakroom-go/cloakroom/bench/internal/measure"
)

// Cachelib names the cells of Flask-Session's file store.
const Cachelib = "flask (cachelib)"

// ErrNoPython is returned by [MeasureCachelib] where Flask-Session is not installed.
var ErrNoPython = errors.New(
	"Flask-Session is not installed: scripts/install-flask-session installs it")

// MeasureCachelib measures reads and writes in Flask-Session's file store, without Flask.
// root is the folder of the repository.
func MeasureCachelib(
	ctx context.Context, root string, sizes []int, results *measure.Results,
) error {
	python := filepath.Join(root, ".venv", "flask", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		return ErrNoPython
	}
	args := []string{filepath.Join(root, "bench", "flask", "files.py")}
	for _, size := range sizes {
		args = append(args, strconv.Itoa(size))
	}
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("cachelib: %w", err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var got struct {
			Sessions    int
			Read, Write float64
		}
		if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
			return fmt.Errorf("cachelib: %w", err)
		}
		k := measure.Key{
			Store: "file", Library: Cachelib, Payload: Payload, Sessions: got.Sessions,
		}
		add := func(act measure.Act, nanos float64) {
			k.Act = act
			results.Append(&measure.Result{Key: k, Samples: []measure.Sample{{Nanos: nanos}}})
		}
		add(measure.Read, got.Read)
		add(measure.Write, got.Write)
	}
	return nil
}
