package main

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"net/http"

	"golang.org/x/crypto/bcrypt"

	"github.com/cloakroom-go/cloakroom"
	"github.com/cloakroom-go/cloakroom/event"
)

// userTable has those who sign in by a password, who have a login and a hash, and those who sign
// in by the provider, who have a subject. AUTOINCREMENT gives no id twice: sessions of a user who
// was removed never become those of another.
const userTable = `CREATE TABLE IF NOT EXISTS users (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	name    TEXT NOT NULL,
	login   TEXT UNIQUE,
	hash    BLOB,
	subject TEXT UNIQUE,
	admin   BOOLEAN NOT NULL DEFAULT FALSE
)`

// user is who is signed in. Sessions know the ID as their owner.
type user struct {
	ID, Name string
	Admin    bool
}

// user returns who is signed in, or nil.
func (s *site) user(r *http.Request) (*user, error) {
	u := &user{ID: s.sessions.Get(r).Owner()}
	if u.ID == "" {
		return nil, nil
	}
	err := s.users.QueryRowContext(r.Context(),
		`SELECT name, admin FROM users WHERE id = ?`, u.ID).Scan(&u.Name, &u.Admin)
	if errors.Is(err, sql.ErrNoRows) { // removed
		return nil, nil
	}
	return u, err
}

// changeUser returns the id of the user that a statement adds or changes.
func (s *site) changeUser(ctx context.Context, query string, args ...any) (id string, err error) {
	err = s.users.QueryRowContext(ctx, query+` RETURNING id`, args...).Scan(&id)
	return id, err
}

func (s *site) signUp(w http.ResponseWriter, r *http.Request, _ *user) error {
	login, password := r.PostFormValue("login"), r.PostFormValue("password")
	// ASVS 5.0 6.2.1; bcrypt takes no more.
	if login == "" || len(login) > 64 || len(password) < 8 || len(password) > 72 {
		return s.next(w, r, "/sign-in", "A name has 1 to 64 bytes, and a password 8 to 72.", nil)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return err
	}
	const insert = `INSERT INTO users (name, login, hash) VALUES (?, ?, ?)
		ON CONFLICT (login) DO NOTHING`
	id, err := s.changeUser(r.Context(), insert, login, login, hash)
	if errors.Is(err, sql.ErrNoRows) {
		return s.next(w, r, "/sign-in", "This name is taken.", nil)
	}
	return s.begin(w, r, id, err)
}

// noHash stands for the hash of a user who is not there, so that the answer takes as long, and
// does not tell who has an account.
var noHash, _ = bcrypt.GenerateFromPassword([]byte("no password"), bcrypt.DefaultCost)

func (s *site) signIn(w http.ResponseWriter, r *http.Request, _ *user) error {
	id, hash := "", noHash
	err := s.users.QueryRowContext(r.Context(),
		`SELECT id, hash FROM users WHERE login = ?`, r.PostFormValue("login")).Scan(&id, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(r.PostFormValue("password"))) != nil || id == "" {
		return s.next(w, r, "/sign-in", "The name or the password is wrong.", nil)
	}
	return s.begin(w, r, id, nil)
}

// begin signs a user in, unless there is an error. The session gets a new ticket, and keeps the
// cart.
func (s *site) begin(w http.ResponseWriter, r *http.Request, id string, err error) error {
	if err == nil {
		err = s.sessions.Get(r).Login(id)
	}
	return s.next(w, r, "/", "", err)
}

func (s *site) signOut(w http.ResponseWriter, r *http.Request, _ *user) error {
	return s.next(w, r, "/", "", s.sessions.Get(r).Logout())
}

// account shows where the user is signed in.
func (s *site) account(w http.ResponseWriter, r *http.Request, u *user) error {
	return s.list(w, r, u, "account.html", s.sessions.Owned(r.Context(), u.ID))
}

// admin shows all sessions.
func (s *site) admin(w http.ResponseWriter, r *http.Request, u *user) error {
	return s.list(w, r, u, "admin.html", s.sessions.All(r.Context()))
}

// list shows sessions, up to a number that a page can hold.
func (s *site) list(w http.ResponseWriter, r *http.Request, u *user, page string,
	sessions iter.Seq2[cloakroom.Info, error],
) error {
	var listed []cloakroom.Info
	for info, err := range sessions {
		if err != nil {
			return err
		}
		if listed = append(listed, info); len(listed) == 1000 {
			break
		}
	}
	return s.page(page, listed)(w, r, u)
}

// signOutDevice ends another of the user's sessions. One of another user is not found.
func (s *site) signOutDevice(w http.ResponseWriter, r *http.Request, u *user) error {
	err := s.sessions.Revoke(r.Context(), u.ID, r.PostFormValue("id"))
	if errors.Is(err, cloakroom.ErrNotFound) {
		err = nil
	}
	return s.next(w, r, "/account", "You are not signed in there any more.", err)
}

func (s *site) signOutOthers(w http.ResponseWriter, r *http.Request, _ *user) error {
	_, err := s.sessions.RevokeOthers(r.Context(), s.sessions.Get(r))
	return s.next(w, r, "/account", "You are signed in here alone.", err)
}

// signOutUser signs a user out everywhere. The audit log names the admin.
func (s *site) signOutUser(w http.ResponseWriter, r *http.Request, _ *user) error {
	_, err := s.sessions.RevokeOwned(r.Context(), r.PostFormValue("owner"))
	return s.next(w, r, "/admin", "The user is signed out everywhere.", err)
}

// makeAdmin makes a user an admin, and signs the user out everywhere: more rights begin with a new
// ticket (ASVS 5.0 7.2.4).
func (s *site) makeAdmin(ctx context.Context, login string) error {
	id, err := s.changeUser(ctx, `UPDATE users SET admin = TRUE WHERE login = ?`, login)
	if err == nil {
		_, err = s.sessions.RevokeOwned(event.WithActor(ctx, "command line"), id)
	}
	return err
}
