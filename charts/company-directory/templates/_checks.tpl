{{- /* What a schema can't say, or not in a sentence. Every object's metadata comes by here. */ -}}
{{- define "directory.checks" -}}
{{- $values := .Values -}}{{- $spec := .Values.platform.spec -}}
{{- if or $values.platform.enabled $values.pool.enabled $values.migrations.enabled $values.bootstrap.enabled -}}
{{- range $part, $what := dict "postgres" "PostgreSQL is" "redis" "Redis is" "objectStorage" "the object store is" "ingress" "tenants are reached (baseDomain)" -}}
{{- if not (index $spec $part) -}}
{{- fail (printf "\n\nplatform.spec.%s is missing: say there where %s. docs/install.md has a file of values to start from.\n" $part $what) -}}
{{- end -}}
{{- end -}}
{{- if eq (empty $spec.redis.host) (empty $spec.redis.sentinel) -}}
{{- fail "\n\nplatform.spec.redis needs host or sentinel, one of the two: they say where Redis is.\n" -}}
{{- end -}}
{{- end -}}
{{- if and $values.bootstrap.enabled (not $values.bootstrap.image.repository) -}}
{{- fail "\n\nbootstrap.image.repository is missing: name an image that has psql, such as your PostgreSQL's.\n" -}}
{{- end -}}
{{- with $values.pool.autoscaling -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- fail (printf "\n\npool.autoscaling.minReplicas (%d) is more than maxReplicas (%d).\n" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- with $values.networkPolicy -}}
{{- range $name, $peers := dict "kubernetesApi" .kubernetesApi "metricsClients" .metricsClients "otherBackends" .otherBackends -}}
{{- range $peers -}}
{{- if eq (empty .namespace) (empty .cidr) -}}
{{- fail (printf "\n\nnetworkPolicy.%s: each entry needs namespace or cidr, one of the two.\n" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
