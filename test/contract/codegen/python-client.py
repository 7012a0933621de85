"""Drives the official Python clients against a server and prints what they saw, as JSON."""

import json
import os
import sys
import time

BASE = os.environ["CODEGEN_API_BASE_URL"]
TOKEN = os.environ["CODEGEN_TOKEN"]


def failure(call):
    try:
        call()
    except Exception as error:
        return {
            "kind": type(error).__name__,
            "status": getattr(error, "status", None),
            "body": getattr(error, "body", None),
        }
    return None


def generated_client():
    from codegen_api_client.api.agents_api import AgentsApi
    from codegen_api_client.api.organizations_api import OrganizationsApi
    from codegen_api_client.api.users_api import UsersApi
    from codegen_api_client.api_client import ApiClient
    from codegen_api_client.configuration import Configuration
    from codegen_api_client.models.create_agent_run_input import CreateAgentRunInput

    client = ApiClient(configuration=Configuration(host=BASE, access_token=TOKEN))
    agents, users = AgentsApi(client), UsersApi(client)
    bearer = "Bearer " + TOKEN
    create = agents.create_agent_run_v1_organizations_org_id_agent_run_post
    get = agents.get_agent_run_v1_organizations_org_id_agent_run_agent_run_id_get
    run = create(org_id=1, create_agent_run_input=CreateAgentRunInput(prompt="hello"), authorization=bearer)
    for _ in range(200):
        seen = get(agent_run_id=run.id, org_id=1, authorization=bearer)
        if seen.status != "ACTIVE":
            break
        time.sleep(0.05)
    organizations = OrganizationsApi(client).get_organizations_v1_organizations_get(authorization=bearer)
    page = users.get_users_v1_organizations_org_id_users_get(org_id="1", authorization=bearer)
    return {
        "run": {"id": run.id, "status": seen.status, "result": seen.result, "web_url": seen.web_url},
        "organizations": [one.id for one in organizations.items],
        "users": page.total,
        "unknown": failure(lambda: get(agent_run_id=999999, org_id=1, authorization=bearer)),
        "foreign": failure(lambda: get(agent_run_id=run.id, org_id=2, authorization=bearer)),
        "unauthorized": failure(lambda: get(agent_run_id=run.id, org_id=1, authorization="Bearer wrong")),
    }


def sdk():
    from codegen import Agent

    agent = Agent(token=TOKEN, org_id=1, base_url=BASE + "/")
    task = agent.run("hello from the SDK")
    for _ in range(200):
        task.refresh()
        if task.status != "ACTIVE":
            break
        time.sleep(0.05)
    resolved = Agent(token=TOKEN)
    return {"id": task.id, "status": task.status, "result": task.result, "org_id": resolved.org_id}


parts = {"client": generated_client, "sdk": sdk}
print(json.dumps({name: parts[name]() for name in sys.argv[1:]}))
