"""The storage type postgresql, which Flask-Session 0.8 has not yet.

The table and what is done with it are those of its development branch of November 2026.
"""

import psycopg
from flask_session.base import ServerSideSession, ServerSideSessionInterface

TABLE = "public.flask_sessions"


class PostgreSQLSessionInterface(ServerSideSessionInterface):
    session_class = ServerSideSession
    ttl = False

    def __init__(self, app, url):
        super().__init__(
            app,
            key_prefix=app.config.get("SESSION_KEY_PREFIX", "session:"),
            use_signer=app.config.get("SESSION_USE_SIGNER", False),
            permanent=app.config.get("SESSION_PERMANENT", True),
            serialization_format=app.config.get("SESSION_SERIALIZATION_FORMAT", "msgpack"),
        )
        self.url = url.partition("?")[0]
        self.run(
            "CREATE TABLE IF NOT EXISTS "
            + TABLE
            + " (session_id VARCHAR(255) NOT NULL PRIMARY KEY,"
            " created TIMESTAMP WITHOUT TIME ZONE DEFAULT (NOW() AT TIME ZONE 'UTC'),"
            " data BYTEA, expiry TIMESTAMP WITHOUT TIME ZONE)"
        )

    def run(self, statement, *args):
        with psycopg.connect(self.url) as connection:
            cursor = connection.execute(statement, args)
            return cursor.fetchone() if cursor.description else None

    def _retrieve_session_data(self, store_id):
        row = self.run(
            "SELECT data FROM " + TABLE + " WHERE session_id = %s AND expiry > NOW()", store_id
        )
        return self.serializer.decode(row[0]) if row else None

    def _delete_session(self, store_id):
        self.run("DELETE FROM " + TABLE + " WHERE session_id = %s", store_id)

    def _upsert_session(self, session_lifetime, session, store_id):
        self.run(
            "INSERT INTO " + TABLE + " (session_id, data, expiry) VALUES (%s, %s, NOW() + %s)"
            " ON CONFLICT (session_id) DO UPDATE SET data = EXCLUDED.data, expiry = EXCLUDED.expiry",
            store_id,
            self.serializer.encode(session),
            session_lifetime,
        )
