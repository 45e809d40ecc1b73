"""Descriptions of the API's operations, one or two sentences beside each summary. A test fails while one is missing."""

TAGS = {
    "inference": "Asking models: TensorFlow Serving and KServe V1, the Open Inference Protocol v2, OpenAI's "
    "embeddings.",
    "served": "What is served, to those who may call it.",
    "health": "Open to all: whether it answers, and gateways' metrics.",
    "whoami": "The key that asks.",
    "tenants": "Isolated customers of the platform. Made and deleted by owners of the tenant `default`, its operator.",
    "users": "People and programs of a tenant, with a role each.",
    "keys": "What a program shows to act as a user.",
    "models": "The repository: models, immutable versions, aliases, gates.",
    "blobs": "Contents sent by digest, before whatever names them.",
    "datasets": "Data sets and their immutable versions.",
    "jobs": "Imports, trainings, verifications, conversions and evaluations, each a process that runs to its end.",
    "recipes": "Ready-made training programs.",
    "environments": "Packages that models and jobs run with.",
    "deployments": "Names that clients call, and what is served there.",
    "secrets": "Credentials for upstreams, encrypted; nobody reads them.",
    "usage": "Every answered request, exactly once, and the time for which replicas, jobs and storage were held.",
    "audit": "Every change: who did what, when.",
    "system": "The platform itself.",
    "openapi.json": "This description.",
}

OPERATIONS = {
    "get_whoami": "Tenant, user, role and scopes of the key that is shown.",
    "post_tenants": "Makes a tenant, its first owner and that owner's key, which is shown this once.",
    "get_tenants": "All tenants for the operator's owners; for others, their own.",
    "get_tenants_tenant": "Any tenant for the operator's owners, deleted ones too; for others, their own.",
    "delete_tenants_tenant": "Ends its users and keys at once, then what serves and runs, then all that it owned; its "
    "usage stays, and the name stays taken. Refused while it is at work, unless forced. `removed_at` says when all "
    "is gone.",
    "post_users": "A user can do nothing before it has a key. Nobody gives a role above their own.",
    "get_users": "Users of the key's tenant.",
    "get_users_user": "By id, or by name.",
    "patch_users_user": "What a user's keys may do changes everywhere within a second.",
    "delete_users_user": "Ends the user and all its keys for good; what it made stays. Nobody deletes the user whose "
    "key asks, or one that stands above.",
    "post_keys": "The key's text is in the answer and is kept nowhere. It can do no more than the key that asks for "
    "it.",
    "get_keys": "Keys of the key's tenant, revoked ones too, without their secrets.",
    "get_keys_key": "By its id, the part before the dot.",
    "post_keys_key_revoke": "Every gateway refuses it within a second. A second time changes nothing.",
    "post_models": "A model is a line of versions under one name.",
    "get_models": "Models that were not deleted.",
    "get_models_model": "Its description and gates.",
    "patch_models_model": "Gates are replaced as a whole; ready versions are measured for new ones.",
    "delete_models_model": "With all versions and aliases. Refused while a deployment uses one.",
    "post_models_model_versions": "Says what the version is to be, and its content: `files` to be put as blobs, an "
    "`archive` or a `tree`. With `files`, put what the answer lists as missing, then complete it.",
    "get_models_model_versions": "Unfinished uploads and deleted versions are left out unless asked for.",
    "get_models_model_versions_number": "Everything that is known of it: signatures, lineage, what was measured.",
    "delete_models_model_versions_number": "Refused while a deployment or an alias needs it; its files go with the "
    "next "
    "collection, and its number is never given again.",
    "get_models_model_versions_number_gates": "One standing for each gate of the model, as both are now.",
    "post_models_model_versions_number_complete": "Checks that every file is there, then verifies it: it is "
    "recognised, "
    "loaded and tried in a process of its own, and becomes ready or rejected.",
    "post_models_model_versions_number_publish": "Takes back `offline`.",
    "post_models_model_versions_number_offline": "It can't be deployed any more until it is published again.",
    "get_models_model_versions_number_files": "Paths, digests and sizes.",
    "get_models_model_versions_number_files_path_path": "Verified as it is sent; its digest is in `repr-digest`.",
    "get_models_model_aliases": "Each names one version.",
    "get_models_model_aliases_alias": "Where it points, and where it pointed before.",
    "put_models_model_aliases_alias": "Refused until the version has passed every gate of the model; admins and owners "
    "may force it. Deployments that follow the alias change over without losing a request.",
    "delete_models_model_aliases_alias": "Refused while a deployment follows it.",
    "put_secrets_secret": "Encrypted at once, and never shown again.",
    "delete_secrets_secret": "Replicas that run keep what they were started with.",
    "get_secrets": "Names and hosts, without values.",
    "head_blobs_digest": "200 with its size, or 404.",
    "put_blobs_digest": "The body is checked against the digest as it comes.",
    "get_datasets": "Data sets that were not deleted.",
    "get_datasets_dataset": "Its description.",
    "delete_datasets_dataset": "With all versions. Refused while one is imported, or a gate or a job needs one. Models "
    "that were made of it stay, and so does what their lineage names.",
    "post_datasets_dataset_versions": "Starts a job that reads the source, splits it and writes TFRecord with "
    "statistics. "
    "The data set is made with its first version.",
    "get_datasets_dataset_versions": "Deleted ones are left out unless `all` asks for them.",
    "get_datasets_dataset_versions_number": "Its state, its splits and how it was imported; a deleted one, too.",
    "delete_datasets_dataset_versions_number": "Refused as the data set is. Its number is never given again.",
    "get_datasets_dataset_versions_number_statistics": "Of every column and split, with the findings of the import.",
    "get_datasets_dataset_versions_number_files": "Paths, digests and sizes.",
    "get_datasets_dataset_versions_number_files_path_path": "Verified as it is sent.",
    "get_jobs": "Jobs of every kind, in any state.",
    "post_jobs": "Runs a recipe, or code of one's own, in a process and an environment of its own; with `model`, "
    "what it "
    "leaves in `output/model` becomes a version.",
    "get_jobs_job": "What it is to run, how far it is, and how it ended.",
    "post_jobs_job_cancel": "One that waits ends at once, one that runs is stopped. A second time changes nothing.",
    "post_jobs_job_retry": "The same spec under a new id; the old job stays as it ended.",
    "get_jobs_job_log": "From `offset` on, at most 1 MiB. The header `x-next-offset` says where to read on, "
    "`x-job-state` whether more may come.",
    "get_jobs_job_events": "Up to 1000 lines of progress, the first `after` left out.",
    "get_jobs_job_output": "Of a job that succeeded.",
    "get_jobs_job_output_path_path": "Verified as it is sent.",
    "get_environments": "With what was installed, how large it is and who uses it.",
    "get_environments_environment": "By its digest.",
    "get_environments_environment_lock": "As `pip install --require-hashes` takes it.",
    "get_environments_environment_log": "From `offset` on; the header `x-next-offset` says where to read on.",
    "post_environments_prune": "Removes environments that no version, job or deployment needs. For the operator.",
    "get_recipes": "With their parameters and defaults.",
    "post_models_model_versions_number_convert": "A job that converts it; equal outputs are proved, or no version "
    "is made.",
    "post_models_model_versions_number_evaluate": "Jobs that measure every gate of the model on this version.",
    "post_deployments": "Follows the alias `production` unless `alias`, `version` or `targets` say otherwise. Refused "
    "for a version that has not passed its model's gates.",
    "get_deployments": "Deployments that were not ended.",
    "get_deployments_deployment": "Its spec; how it is doing is its status.",
    "put_deployments_deployment": "Asking for what is there changes nothing. A change is a new revision, and goes over "
    "without losing a request.",
    "delete_deployments_deployment": "Gateways forget the name at once; replicas answer what they have, then stop.",
    "post_deployments_deployment_rollback": "Targets come back pinned to the versions they meant then.",
    "post_deployments_deployment_stop": "Requests for it get 503.",
    "post_deployments_deployment_start": "As it was before it was stopped.",
    "get_deployments_deployment_revisions": "Newest first, each with its cause.",
    "get_deployments_deployment_status": "Its state in a word and in a sentence, its traffic and its replicas.",
    "get_deployments_deployment_replicas": "In order of birth, also those that ended lately, each with its reason.",
    "get_deployments_deployment_replicas_replica_log": "From `offset` on. The header `x-next-offset` says "
    "where to read on, `x-replica-state` whether more may come.",
    "get_usage": "Requests, errors, rows, bytes and the model's time, in groups; by meter also what was held, up to "
    "now.",
    "get_usage_events": "One for each answered attempt, and for each hour that something was held, newest first.",
    "get_usage_export": "The same, all of them, as CSV.",
    "get_audit": "Events of the key's tenant, newest first; filters match exactly.",
    "get_system_status": "What runs for the key's tenant; for the operator's also gateways, devices and the database.",
    "get_system_metrics": "Prometheus text 0.0.4 of control, all gateways and model servers. For the operator's "
    "tenant.",
    "get_system_disk": "Measured now, by kind and tenant, with what could be freed and by which command. For the "
    "operator's tenant.",
    "get_system_retention": "What would be removed now, of all tenants; nothing is. For owners of the operator's "
    "tenant.",
    "post_system_retention_prune": "What is removed daily in any case: ended jobs, with their logs and outputs, and "
    "events from which nothing follows any more, older than the periods of `bms up`. Repeat it while there is `more`.",
    "get_system_reactions": "What waits for another try, and dead letters, of all tenants, oldest event first. For "
    "owners of the operator's tenant.",
    "post_system_reactions_reaction_retry": "One that waits is tried at once; a dead letter waits again, and is tried "
    "for as long as it takes.",
    "post_system_reactions_reaction_dismiss": "It is not tried any more, and what waits behind it goes on. The audit "
    "tells who did it.",
    "get_openapi.json": "OpenAPI 3.1; `/docs` shows it to people.",
}

PARAMETERS = {
    "tenant": "the tenant's name",
    "user": "the user's id or name",
    "key": "the key's id, the part before the dot",
    "model": "the model's name",
    "number": "the version's number",
    "alias": "the alias's name",
    "digest": "`sha256:` and 64 hexadecimal digits",
    "dataset": "the data set's name",
    "job": "the job's id",
    "environment": "the environment's digest",
    "path": "the file's path, which may have `/` in it",
    "deployment": "the deployment's name",
    "replica": "the replica's id",
    "secret": "the secret's name",
    "reaction": "the reaction's id",
}
IF_MATCH = "The revision that you saw, in quotes: refused with 409 if it is not the current one any more."
IDEMPOTENCY_KEY = "1 to 200 characters of your own choice: repeating the request with it has no second effect."
REQUEST_ID = "Your name for this request, in its answer, its errors and the logs; made where you send none."
