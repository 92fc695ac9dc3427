package mongo

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/store"
)

func signIn(t testing.TB, m *cloakroom.Manager) string {
	t.Helper()
	s := m.Open(t.Context(), "")
	defer s.Close()
	if err := errors.Join(s.Login("ada"), s.Save()); err != nil {
		t.Fatal(err)
	}
	return s.Cookie().Value
}

// TestIndexesOfOtherNames: an equivalent index is good enough, also by URL; one that is
// not is told of, or made besides.
func TestIndexesOfOtherNames(t *testing.T) {
	server := given(t)
	named := func(name string, keys bson.D, opts *options.IndexOptionsBuilder) mongo.IndexModel {
		return mongo.IndexModel{Keys: keys, Options: opts.SetName(name)}
	}
	id, expires, owner := bson.D{{Key: "id", Value: 1}}, bson.D{{Key: "expiration", Value: 1}}, bson.D{{Key: "owner", Value: 1}, {Key: "id", Value: 1}}
	for name, models := range map[string][]mongo.IndexModel{
		"id":         {named("by_id", id, options.Index().SetUnique(true))},
		"expiration": {named("by_time", expires, options.Index())},
		"owner":      {named("by_owner", owner, options.Index())},
		"all": {
			named("by_id", id, options.Index().SetUnique(true)), named("by_time", expires, options.Index()), named("by_owner", owner, options.Index()),
		},
	} {
		t.Run(name, func(t *testing.T) {
			rawURL := place(t, server)
			c := raw(t, rawURL)
			for _, model := range models {
				if _, err := c.Indexes().CreateOne(t.Context(), model); err != nil {
					t.Fatal(err)
				}
			}
			s := open(t, rawURL)
			signIn(t, manager(t, s))
			if err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
			if got, want := strings.Join(indexes(t, c), ", "), strings.Join(wanted, ", "); got != want {
				t.Errorf("the indexes are %s, want %s", got, want)
			}
		})
	}
	t.Run("not unique", func(t *testing.T) {
		rawURL := place(t, server)
		if _, err := raw(t, rawURL).Indexes().CreateOne(t.Context(), named("by_id", id, options.Index())); err != nil {
			t.Fatal(err)
		}
		// MongoDB refuses it; where a server makes another one besides, that is as good.
		if err := open(t, rawURL).Migrate(t.Context()); err != nil && !strings.Contains(err.Error(), "unique") {
			t.Error(err)
		}
	})
}

// TestDamagedDocuments: a document whose data are of another type, or missing, costs no
// session but that one, which can be ended.
func TestDamagedDocuments(t *testing.T) {
	server := given(t)
	for name, damage := range map[string]bson.D{
		"text":    {{Key: "$set", Value: bson.D{{Key: "val", Value: "text"}}}},
		"null":    {{Key: "$set", Value: bson.D{{Key: "val", Value: nil}}}},
		"missing": {{Key: "$unset", Value: bson.D{{Key: "val", Value: ""}}}},
		"object":  {{Key: "$set", Value: bson.D{{Key: "val", Value: bson.D{{Key: "a", Value: 1}}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			rawURL := place(t, server)
			s, c := open(t, rawURL), raw(t, rawURL)
			r := lasting("data")
			r.Owner = hexID(9)
			var err error
			if r.Version, err = s.Create(t.Context(), hexID(1), r); err != nil {
				t.Fatal(err)
			}
			spoil := func(filter bson.D) {
				t.Helper()
				if res, err := c.UpdateOne(t.Context(), filter, damage); err != nil || res.ModifiedCount != 1 {
					t.Fatal(res, err)
				}
			}
			spoil(bson.D{{Key: "id", Value: "session:" + hexID(1)}})
			unreadable := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, cloakroom.ErrUnreadable) {
					t.Errorf("%s: %v", what, err)
				}
			}
			_, err = s.Load(t.Context(), hexID(1))
			unreadable("load", err)
			_, err = s.Replace(t.Context(), hexID(1), r, r)
			unreadable("replace", err)
			unreadable("touch", s.Touch(t.Context(), hexID(1), r, time.Now().Add(time.Hour)))
			unreadable("delete what it was", s.Delete(t.Context(), hexID(1), r))
			if page, _, err := s.All(t.Context(), "", 10); err != nil || len(page) != 0 {
				t.Errorf("listed: %v, %v", page, err)
			}
			if page, _, err := s.Owned(t.Context(), hexID(9), "", 10); err != nil || len(page) != 1 || page[0].Record.Version != "" {
				t.Errorf("listed by owner: %v, %v", page, err)
			}
			if err := s.Delete(t.Context(), hexID(1), store.Record{}); err != nil {
				t.Errorf("delete: %v", err)
			}
			m := manager(t, s)
			signIn(t, m)
			signIn(t, m)
			spoil(bson.D{})
			if _, err := m.RevokeOwned(t.Context(), "ada"); err != nil {
				t.Error(err)
			}
			for info, err := range m.Owned(t.Context(), "ada") {
				t.Errorf("%v, %v is left", info, err)
			}
		})
	}
}
