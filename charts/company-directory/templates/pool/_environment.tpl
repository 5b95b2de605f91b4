{{- /* The variables of directory_contract.environment, from the platform's spec with the CRD's defaults. */ -}}
{{- define "directory.pool.environment" -}}
{{- $spec := .Values.platform.spec -}}
{{- $postgres := $spec.postgres -}}{{- $redis := $spec.redis -}}{{- $s3 := $spec.objectStorage -}}
{{- $server := $postgres.pooler | default $postgres -}}
{{- $environment := list
  (list "TIER" "Pooled")
  (list "BASE_DOMAIN" $spec.ingress.baseDomain)
  (list "PUBLIC_PORT" ($spec.ingress.port | default 443))
  (list "LISTEN_HOST" "0.0.0.0")
  (list "LISTEN_PORT" 8080)
  (list "SECRETS_DIRECTORY" "/var/run/directory/secrets")
  (list "POSTGRES_HOST" $server.host)
  (list "POSTGRES_PORT" ($server.port | default 5432))
  (list "POSTGRES_DATABASE" ($postgres.database | default "directory"))
  (list "POSTGRES_SSLMODE" ($postgres.sslMode | default "verify-full"))
  (list "REDIS_TLS" (hasKey $redis "tls" | ternary $redis.tls true))
  (list "S3_ENDPOINT" $s3.endpoint)
  (list "S3_REGION" ($s3.region | default "us-east-1"))
  (list "S3_ADDRESSING_STYLE" ($s3.addressingStyle | default "virtual"))
  (list "DRAIN_SECONDS" 10)
  (list "SHUTDOWN_SECONDS" 20)
  (list "LOG_LEVEL" .Values.pool.logLevel) -}}
{{- if $postgres.pooler -}}
{{- $environment = append $environment (list "POSTGRES_POOLER" true) -}}
{{- end -}}
{{- with $redis.sentinel -}}
{{- $sentinels := list -}}
{{- range .hosts }}{{ $sentinels = append $sentinels (printf "%s:%v" .host (.port | default 26379)) }}{{ end -}}
{{- $environment = concat $environment (list (list "REDIS_SENTINELS" (join "," $sentinels)) (list "REDIS_SENTINEL_MASTER" .masterName)) -}}
{{- else -}}
{{- $environment = concat $environment (list (list "REDIS_HOST" $redis.host) (list "REDIS_PORT" ($redis.port | default 6379))) -}}
{{- end -}}
{{- if include "directory.pool.authorities" . -}}
{{- $environment = append $environment (list "CA_FILE" "/var/run/directory/secrets/ca.crt") -}}
{{- end -}}
{{- range $environment }}
- {name: DIRECTORY_{{ index . 0 }}, value: {{ index . 1 | toString | quote }}}
{{- end }}
{{- end }}

{{- /* Whether the platform names authorities: the operator puts the certificates of all of them into the pool's Secret. */ -}}
{{- define "directory.pool.authorities" -}}
{{- range $part := list "postgres" "redis" "objectStorage" -}}
{{- with (index $.Values.platform.spec $part).caSecretRef }}{{ .name }} {{ end -}}
{{- end -}}
{{- end }}
