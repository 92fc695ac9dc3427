module github.com/cloakroom-go/cloakroom/integration

go 1.25.0

require (
	// Decides whether a history is linearizable, and draws one that is not: linear/.
	github.com/anishathalye/porcupine v1.3.1
	github.com/chromedp/cdproto v0.160.3
	github.com/chromedp/chromedp v0.23.1
	github.com/cloakroom-go/cloakroom v0.1.0
)

require (
	github.com/aws/aws-sdk-go-v2 v1.48.0
	github.com/aws/aws-sdk-go-v2/config v1.33.18
	github.com/aws/aws-sdk-go-v2/service/dynamodb v1.74.0
	github.com/aws/smithy-go v1.28.9
	github.com/cloakroom-go/cloakroom/store/dynamodbstore v0.1.0
	github.com/cloakroom-go/cloakroom/store/memcachedstore v0.1.0
	github.com/cloakroom-go/cloakroom/store/mongostore v0.1.0
	github.com/cloakroom-go/cloakroom/store/redisstore v0.1.0
	// The databases of sql/, and of the servers in servers/.
	github.com/go-sql-driver/mysql v1.10.1
	github.com/google/uuid v1.6.0 // with decimal, types that sessions hold: flask/
	github.com/jackc/pgx/v5 v5.13.0
	github.com/redis/rueidis v1.0.79 // a client of one's own: redis/
	github.com/shopspring/decimal v1.6.0
	go.mongodb.org/mongo-driver/v2 v2.10.0
	modernc.org/sqlite v1.59.0
)

// What serves the demo's routes, and what is built on other session APIs: adapters/.
require (
	github.com/cloakroom-go/cloakroom/adapter/cloakecho v0.1.0
	github.com/cloakroom-go/cloakroom/adapter/cloakfiber v0.1.0
	github.com/cloakroom-go/cloakroom/adapter/cloakgin v0.1.0
	github.com/cloakroom-go/cloakroom/adapter/cloakgorilla v0.1.0
	github.com/cloakroom-go/cloakroom/adapter/cloakgrpc v0.1.0
	github.com/gofiber/fiber/v3 v3.1.0
	github.com/gorilla/sessions v1.4.0
	github.com/labstack/echo/v5 v5.4.6
	github.com/markbates/goth v1.82.0
	golang.org/x/oauth2 v0.36.0 // a type of goth's interface
)

// What the middleware is wrapped in and wraps: frameworks/.
require (
	connectrpc.com/connect v1.21.0
	github.com/a-h/templ v0.3.977
	github.com/coder/websocket v1.8.15
	github.com/danielgtaylor/huma/v2 v2.37.2
	github.com/felixge/httpsnoop v1.1.0
	github.com/gin-gonic/gin v1.12.0
	github.com/go-chi/chi/v5 v5.5.0
	github.com/gorilla/websocket v1.5.3
	github.com/klauspost/compress v1.20.4
	github.com/labstack/echo/v4 v4.16.0
	go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp v0.71.0
	google.golang.org/protobuf v1.36.11
)

require google.golang.org/grpc v1.84.0

require (
	filippo.io/edwards25519 v1.2.0 // indirect
	github.com/aws/aws-sdk-go-v2/credentials v1.21.0 // indirect
	github.com/aws/aws-sdk-go-v2/feature/ec2/imds v1.20.9 // indirect
	github.com/aws/aws-sdk-go-v2/internal/configsources v1.5.12 // indirect
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2 v2.8.12 // indirect
	github.com/aws/aws-sdk-go-v2/internal/v4a v1.5.12 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding v1.13.25 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/endpoint-discovery v1.13.12 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/presigned-url v1.14.12 // indirect
	github.com/aws/aws-sdk-go-v2/service/signin v1.13.1 // indirect
	github.com/aws/aws-sdk-go-v2/service/sso v1.39.5 // indirect
	github.com/aws/aws-sdk-go-v2/service/ssooidc v1.44.5 // indirect
	github.com/aws/aws-sdk-go-v2/service/sts v1.52.0 // indirect
	github.com/bytedance/gopkg v0.1.3 // indirect
	github.com/bytedance/sonic v1.15.0 // indirect
	github.com/bytedance/sonic/loader v0.5.0 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/cloudwego/base64x v0.1.6 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/gabriel-vasile/mimetype v1.4.13 // indirect
	github.com/gin-contrib/sse v1.1.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/go-playground/locales v0.14.1 // indirect
	github.com/go-playground/universal-translator v0.18.1 // indirect
	github.com/go-playground/validator/v10 v10.30.1 // indirect
	github.com/goccy/go-json v0.10.5 // indirect
	github.com/goccy/go-yaml v1.19.2 // indirect
	github.com/gofiber/schema v1.7.0 // indirect
	github.com/gofiber/utils/v2 v2.0.2 // indirect
	github.com/gorilla/mux v1.8.1 // indirect
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/klauspost/cpuid/v2 v2.3.0 // indirect
	github.com/labstack/gommon v0.5.0 // indirect
	github.com/leodido/go-urn v1.4.0 // indirect
	github.com/mattn/go-colorable v0.1.15 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.2 // indirect
	github.com/molecule-man/go-brrr v1.0.1 // indirect
	github.com/ncruces/go-strftime v1.0.0 // indirect
	github.com/pelletier/go-toml/v2 v2.2.4 // indirect
	github.com/philhofer/fwd v1.2.0 // indirect
	github.com/quic-go/qpack v0.6.0 // indirect
	github.com/quic-go/quic-go v0.59.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/tinylib/msgp v1.6.3 // indirect
	github.com/twitchyliquid64/golang-asm v0.15.1 // indirect
	github.com/ugorji/go/codec v1.3.1 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasthttp v1.74.0 // indirect
	github.com/valyala/fasttemplate v1.2.2 // indirect
	github.com/xdg-go/scram v1.4.0 // indirect
	github.com/xdg-go/stringprep v1.0.4 // indirect
	github.com/youmark/pkcs8 v0.0.0-20240726163527-a2c0da244d78 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel v1.46.0 // indirect
	go.opentelemetry.io/otel/metric v1.46.0 // indirect
	go.opentelemetry.io/otel/trace v1.46.0 // indirect
	golang.org/x/arch v0.24.0 // indirect
	golang.org/x/crypto v0.55.0 // indirect
	golang.org/x/net v0.58.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.41.0 // indirect
	golang.org/x/time v0.15.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260706201446-f0a921348800 // indirect
	modernc.org/libc v1.75.7 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)

replace (
	github.com/cloakroom-go/cloakroom => ../
	github.com/cloakroom-go/cloakroom/adapter/cloakecho => ../adapter/cloakecho
	github.com/cloakroom-go/cloakroom/adapter/cloakfiber => ../adapter/cloakfiber
	github.com/cloakroom-go/cloakroom/adapter/cloakgin => ../adapter/cloakgin
	github.com/cloakroom-go/cloakroom/adapter/cloakgorilla => ../adapter/cloakgorilla
	github.com/cloakroom-go/cloakroom/adapter/cloakgrpc => ../adapter/cloakgrpc
	github.com/cloakroom-go/cloakroom/store/dynamodbstore => ../store/dynamodbstore
	github.com/cloakroom-go/cloakroom/store/memcachedstore => ../store/memcachedstore
	github.com/cloakroom-go/cloakroom/store/mongostore => ../store/mongostore
	github.com/cloakroom-go/cloakroom/store/redisstore => ../store/redisstore
)
