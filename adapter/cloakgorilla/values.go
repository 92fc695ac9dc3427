package cloakgorilla

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"errors"
	"math"
	"unicode/utf8"
)

// blobField is the one field of a map that stands for a value which gob has encoded. The
// blob is base64 in either format of Cloakroom's, since bytes in an any are not exact in JSON.
const blobField = "_gob"

// pack returns what is to be stored for a value: itself if each format keeps it exactly,
// the type included, or else a blob. It shares no memory with the value.
func pack(value any) (any, error) {
	list, ok := value.([]any)
	if !ok {
		return packOne(value)
	}
	packed := make([]any, len(list))
	for i, item := range list {
		var err error
		if packed[i], err = packOne(item); err != nil {
			return nil, err
		}
	}
	return packed, nil
}

func packOne(value any) (any, error) {
	switch value := value.(type) {
	case nil, bool, int:
		return value, nil
	case string:
		if utf8.ValidString(value) {
			return value, nil
		}
	case float64:
		if !math.IsNaN(value) && !math.IsInf(value, 0) { // JSON has none of these
			return value, nil
		}
	}
	var blob bytes.Buffer
	if err := gob.NewEncoder(&blob).Encode(&value); err != nil {
		return nil, err
	}
	return map[string]any{blobField: base64.StdEncoding.EncodeToString(blob.Bytes())}, nil
}

// unpack returns the value that was stored, and changes nothing of it.
func unpack(stored any) (any, error) {
	switch stored := stored.(type) {
	case int64:
		if value := int(stored); int64(value) == stored {
			return value, nil
		}
	case []any:
		values := make([]any, len(stored))
		for i, item := range stored {
			var err error
			if values[i], err = unpack(item); err != nil {
				return nil, err
			}
		}
		return values, nil
	case map[string]any:
		if blob, ok := stored[blobField].(string); ok && len(stored) == 1 {
			return decode(blob)
		}
	}
	return stored, nil
}

var errBlob = errors.New("it is no base64")

func decode(blob string) (value any, err error) {
	encoded, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		return nil, errBlob // base64's own error has a part of what is stored
	}
	if err := gob.NewDecoder(bytes.NewReader(encoded)).Decode(&value); err != nil {
		return nil, err
	}
	return value, nil
}

func isEmpty(stored any) bool {
	list, ok := stored.([]any)
	return ok && len(list) == 0
}
