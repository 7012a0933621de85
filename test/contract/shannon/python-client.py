"""Drives Shannon's own SDK against a server: prints what it saw, as JSON."""

import json
import os
import urllib.request

from shannon import ShannonClient
from shannon import errors


def refusal(call):
    try:
        call()
        return None
    except errors.ShannonError as error:
        return [type(error).__name__, str(error)]


base = os.environ["SHANNON_BASE_URL"]
client = ShannonClient(base_url=base, api_key=os.environ["SHANNON_API_KEY"])
seen = {}

handle = client.submit_task("hello from the SDK", session_id="sdk.session")
seen["submitted"] = [handle.task_id == handle.workflow_id, handle.session_id]
events = [[event.type, event.message] for event in client.stream(handle.workflow_id)]
seen["events"] = [name for name, _ in events]
seen["text"] = "".join(message for name, message in events if name == "thread.message.delta")
status = client.wait(handle.task_id, timeout=20)
seen["status"] = [status.status.value, status.result, status.query, status.session_id]
seen["total"] = len(client.list_tasks(session_id="sdk.session")[0])
seen["history"] = len(client.get_task_events(handle.task_id))
seen["timeline"] = len(client.get_task_timeline(handle.task_id)["events"])

slow = client.submit_task("slowly", model_override="script/slow")
seen["paused"] = client.pause_task(slow.task_id, reason="r1")
seen["control"] = [client.get_control_state(slow.task_id).is_paused, client.get_control_state(slow.task_id).pause_reason]
seen["again"] = refusal(lambda: client.pause_task(slow.task_id))
seen["resumed"] = client.resume_task(slow.task_id)
seen["filtered"] = next(event.type for event in client.stream(slow.workflow_id, types=["workflow.resumed"]))
seen["cancelled"] = client.cancel(slow.task_id, reason="x")
seen["ended"] = client.wait(slow.task_id, timeout=20).status.value
seen["late"] = refusal(lambda: client.resume_task(slow.task_id))
seen["unknown"] = refusal(lambda: client.get_status("task-nothing"))
seen["socket"] = [event.type for event, _ in zip(client.stream_ws(handle.workflow_id), range(3))]

asking = client.submit_task("ask", model_override="script/approval")
next(client.stream(asking.workflow_id, types=["APPROVAL_REQUESTED"]))
# Its events carry no payload, so the id comes from the list that the face adds.
listed = urllib.request.Request(
    f"{base}/api/v1/tasks/{asking.task_id}/approvals",
    headers={"X-API-Key": os.environ["SHANNON_API_KEY"]},
)
with urllib.request.urlopen(listed) as reply:
    approval = json.load(reply)["approvals"][0]
seen["approved"] = client.approve(approval["approval_id"], asking.workflow_id, approved=True)
seen["approval_status"] = client.wait(asking.task_id, timeout=20).status.value

sessions, _ = client.list_sessions()
seen["sessions"] = len(sessions) > 0
session = client.get_session("sdk.session")
client.update_session_title("sdk.session", "From the SDK")
seen["session"] = [session.task_count if hasattr(session, "task_count") else None, len(client.get_session_history("sdk.session"))]
seen["turns"] = len(client.get_session_events("sdk.session")[0])

made = client.create_schedule(name="daily", cron_expression="0 7 * * *", task_query="report")
schedule_id = made["schedule_id"] if isinstance(made, dict) else made.schedule_id
client.pause_schedule(schedule_id)
seen["schedule"] = client.get_schedule(schedule_id).status
client.resume_schedule(schedule_id)
seen["schedules"] = len(client.list_schedules()[0])
client.delete_schedule(schedule_id)
seen["gone"] = refusal(lambda: client.get_schedule(schedule_id))

seen["skills"] = len(client.list_skills() or [])
seen["health"] = client.health()["status"]
seen["wrong_key"] = refusal(lambda: ShannonClient(base_url=base, api_key="wrong").get_status("x"))
print(json.dumps(seen))
