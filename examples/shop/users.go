package main

import (
	"context"
	"database/sql"
	"errors"

	"golang.org/x/crypto/bcrypt"
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

// user is who may sign in. A nil *user is a visitor.
type user struct {
	Name  string
	Admin bool
}

type users struct{ db *sql.DB }

// refusal is an error that the user is told.
type refusal string

func (r refusal) Error() string { return string(r) }

// signUp adds a user, and returns the owner.
func (u users) signUp(ctx context.Context, login, password string) (string, error) {
	if login == "" || len(login) > 64 {
		return "", refusal("A name has 1 to 64 bytes.")
	}
	if len(password) < 8 || len(password) > 72 { // ASVS 5.0 6.2.1; bcrypt takes no more
		return "", refusal("A password has 8 to 72 bytes.")
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return "", err
	}
	const insert = `INSERT INTO users (name, login, hash) VALUES (?, ?, ?)
		ON CONFLICT (login) DO NOTHING RETURNING id`
	owner, err := u.id(ctx, insert, login, login, hash)
	if errors.Is(err, sql.ErrNoRows) {
		return "", refusal("This name is taken.")
	}
	return owner, err
}

// noHash stands for the hash of a user who is not there, so that the answer takes as long, and
// does not tell who has an account.
var noHash, _ = bcrypt.GenerateFromPassword([]byte("no password"), bcrypt.DefaultCost)

// signIn returns the owner whose login and password these are.
func (u users) signIn(ctx context.Context, login, password string) (string, error) {
	var owner string
	hash := noHash
	err := u.db.QueryRowContext(ctx,
		`SELECT id, hash FROM users WHERE login = ?`, login).Scan(&owner, &hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	if bcrypt.CompareHashAndPassword(hash, []byte(password)) != nil || err != nil {
		return "", refusal("The name or the password is wrong.")
	}
	return owner, nil
}

// ofProvider returns the owner of a subject of the provider, who is added at the first sign-in. A
// subject never becomes a user with a password, also where the names are the same: a name at the
// provider proves nothing here.
func (u users) ofProvider(ctx context.Context, subject, name string) (string, error) {
	const upsert = `INSERT INTO users (name, subject) VALUES (?, ?)
		ON CONFLICT (subject) DO UPDATE SET name = excluded.name RETURNING id`
	return u.id(ctx, upsert, name, subject)
}

// get returns the user, or nil for an owner who is none, or none any more.
func (u users) get(ctx context.Context, owner string) (*user, error) {
	found := new(user)
	err := u.db.QueryRowContext(ctx,
		`SELECT name, admin FROM users WHERE id = ?`, owner).Scan(&found.Name, &found.Admin)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return found, err
}

// promote makes a user an admin, and returns the owner.
func (u users) promote(ctx context.Context, login string) (string, error) {
	return u.id(ctx, `UPDATE users SET admin = TRUE WHERE login = ? RETURNING id`, login)
}

// id returns the id that a statement returns: what sessions call their owner.
func (u users) id(ctx context.Context, query string, args ...any) (owner string, err error) {
	err = u.db.QueryRowContext(ctx, query, args...).Scan(&owner)
	return owner, err
}
