# Everything a person reads on the pages. Names are never declined; «вы» in lower case; no full stop after labels.

# Frame
skip = К содержимому
logo = chater, к списку чатов
menu = Меню
menu-group = Создать группу
menu-out = Выход
node = Узел
links = { $n ->
    [one] { $n } соединение
    [few] { $n } соединения
   *[many] { $n } соединений
}
connecting = соединяемся…
alone = один
close = Закрыть
cancel = Отмена
save = Сохранить
to-chats = К списку чатов
language-other = English

# Login and registration
login = Логин
login-do = Войти
login-alt = Ещё нет аккаунта?
login-alt-do = Зарегистрироваться
login-bad = Ник или пароль не подходят. Проверьте раскладку.
login-slow = Слишком много попыток. Подождите { $n }{"\u00A0"}с.
nick = Ник
password = Пароль
register = Регистрация
register-do = Создать аккаунт
register-alt = Уже есть аккаунт?
register-invited = { $name } приглашает вас на узел { $node }
register-owner = Вы первый на этом узле и станете его владельцем: сможете приглашать людей и управлять соединениями.
register-nick = От 2 до 32 знаков: буквы одного алфавита, цифры, точка, дефис, подчёркивание. Ник нельзя сменить.
register-taken = Этот ник занят на узле { $a }
register-pw = Не короче 10 знаков. Можно фразу с пробелами.
register-closed = Регистрация на этом узле закрыта. Обратитесь к его владельцу.
register-code-needed = Нужен код
register-code-bad = Код не подходит или уже использован
setup-words = У меня есть аккаунт, узел которого пропал, и его 24 слова
setup-code = Код установки
setup-code-hint = Узел напечатал его при запуске
invite-code = Код приглашения
invite-code-hint = Его даёт владелец узла

# List
chats = Чаты
list-search = Найти человека или чат
list-filters = Какие чаты показать
list-none = Чатов пока нет
filter-all = Все
filter-unread = Новые
filter-groups = Группы
filter-archive = Архив
filter-none = Здесь ничего нет
more = Показать ещё
empty-title = Пока пусто
empty-text = Найдите первого собеседника или пригласите его по ссылке.
pick-title = Выберите чат
pick-text = Или найдите человека на этом узле и на соседних. Сообщения хранятся у вас, а не в чужом облаке.
find = Найти человека
invite = Пригласить
key-quick = быстрый переход
key-help = клавиши
card-new = Сообщений пока нет
draft = Черновик:
deleted = Сообщение удалено
pinned = закреплён
muted = без звука
unread = { $n ->
    [one] { $n } непрочитанное
    [few] { $n } непрочитанных
   *[many] { $n } непрочитанных
}
members = { $n ->
    [one] { $n } участник
    [few] { $n } участника
   *[many] { $n } участников
}
present = { $n } в сети
mentioned = вас упомянули
card-menu = Действия с чатом: { $a }
menu-read = Прочитано
menu-unread = Непрочитано
menu-pin = Закрепить
menu-unpin = Открепить
menu-mute-1h = Без звука 1 час
menu-mute-8h = Без звука 8 часов
menu-mute-ever = Без звука навсегда
menu-unmute = Включить звук
menu-archive = В архив
menu-unarchive = Вернуть из архива
requests-done = На всё отвечено
requests-wait = Ждут вашего ответа
requests = Запросы
request = Запрос на переписку
request-accept = Принять
request-decline = Отклонить
request-block = Заблокировать

# Conversation
back = К списку чатов
log-label = Сообщения: { $a }
earlier = Раньше
later = Позже
chat-new = Новые сообщения
chat-bottom = К последним сообщениям
chat-blank = Здесь пока нет сообщений. Напишите первое.
chat-input = Сообщение
chat-send = Отправить
mark-read = Отметить прочитанным
edited = изм.
late = получено позже
message-locked = Это сообщение пока нечем открыть: ждём ключ
reply = Ответить
reply-cancel = Не отвечать
presence-here = в сети
presence-gone = не в сети
presence-linked = узел в сети
presence-away = узел не в сети
presence-seen = был(а)
nodes-away = { $n ->
    [one] Узел { $a } не в сети. Доставим, когда появится.
   *[many] Узлы { $a } не в сети. Доставим, когда появятся.
}
node-away = Узел { $a } не в сети. Доставим, когда появится.
waits-since = Ждёт с
missing = { $n ->
    [one] Не хватает { $n } сообщения
    [few] Не хватает { $n } сообщений
   *[many] Не хватает { $n } сообщений
}
asking = { $n ->
    [one] спрашиваем { $n } узел
    [few] спрашиваем { $n } узла
   *[many] спрашиваем { $n } узлов
}
closed-declined = Запрос на переписку отклонён
closed-blocked = Этот человек заблокирован
closed-left = Вы не в этой группе
path = Путь сообщения
path-sent = Отправлено
path-here = Ваш узел { $a } сохранил
path-there = Узел { $a } получил
path-read = Прочитано: { $a }
path-read-wait = Ещё не прочитано: { $a }
path-read-lacks = { $n ->
    [one] Ещё { $n } человек не прочитал
    [few] Ещё { $n } человека не прочитали
   *[many] Ещё { $n } человек не прочитали
}
state-read-some = Прочитали { $a } из { $n }
state-reached = { $n ->
    [one] Доставлено на { $a } из { $n } узла
   *[many] Доставлено на { $a } из { $n } узлов
}
path-next = следующая попытка:
path-waits = ждём
path-back = К сообщению
you = вы
you-name = Вы
message-actions = Действия с сообщением
more-actions = Ещё действия
react = Реакция
react-other = Другой эмодзи
react-do = Поставить
copy = Копировать
edit = Изменить
edit-text = Текст сообщения
editing = Изменение
forward = Переслать
forward-to = Кому переслать
delete = Удалить
delete-ask = Удалить сообщение?
delete-me = Удалить у себя
delete-all = Удалить у всех
delete-all-hint = Другие узлы получат просьбу удалить. Проверить это нельзя.
emoji = Эмодзи
to-chat = К чату
chat-menu = Действия с чатом
chat-search = Поиск в чате
chat-search-in = Поиск в чате: { $a }
chat-search-more = Искать дальше
find-older = Раньше найденное
find-newer = Позже найденное
chat-delete = Удалить чат у себя
chat-delete-ask = Удалить чат «{ $a }» у себя?
chat-delete-hint = Сообщения исчезнут только у вас. Новое сообщение вернёт чат в список, уже без старых.

# Details of a chat
info = Сведения
safety = Код безопасности
safety-hint = Сравните эти цифры с теми, что видит собеседник: при встрече или по телефону. Если они совпали, вы пишете именно друг другу. Узлы, на которых живут ваши аккаунты, этим не проверяются.
safety-node = Отпечаток узла { $a }
unblock = Разблокировать
forward-filter = Имя или адрес

# Search and start
search = Поиск
search-title = Поиск: { $a }
search-label = Ник, имя или адрес
search-recent = Недавние чаты
search-has-chat = есть чат
search-has-group = общая группа
search-nodes = Ход поиска по узлам
search-ms = { $a } мс
search-waits = ждём…
search-away = не в сети
search-here = На этом узле
search-there = На других узлах
search-none = Никого не нашли. Проверьте адрес или пригласите человека по ссылке.
search-hint = Наберите хотя бы две буквы имени или весь адрес: ник@узел
search-again = Ещё раз
search-in = Где искать
search-in-people = Люди
search-in-chats = Чаты
search-in-messages = Сообщения
search-words = Слова из сообщения
search-everywhere = Искать во всех чатах
search-hit-in = в чате «{ $a }»
search-back = К поиску
search-ambiguous = Узлов с таким именем несколько. Кого вы имели в виду?
search-unknown-node = Узел { $a } здесь не знаком.
search-silent-node = Узел { $a } сейчас не отвечает: найти на нём человека можно, когда он появится.
search-link-node = Связать узел
start-title = Новый чат
start-ask = Начать чат с пользователем { $a }?
start-request = Первое сообщение может прийти как запрос.
start-here = Этот человек на вашем узле.
start-remote = Этот человек на другом узле. Узел { $a } увидит ваш адрес и сообщения этого чата.
start-do = Начать чат
start-self = Чат с самим собой начать нельзя

# Other pages
group-title = Название группы
group-where = Группа живёт на узлах своих участников: сервера посередине нет. Кто войдёт позже, прочтёт и прежние сообщения.
group-who = Кого пригласить: ник или адрес
group-members = Участники
group-create-pictured = Создать и выбрать картинку
group-create = Создать группу
group-add = Добавить участников
group-add-do = Добавить
group-owner = владелец
group-admin = ведущий
group-lead = Сделать ведущим
group-unlead = Снять ведущего
group-remove = Убрать из группы
group-leave = Выйти из группы
group-remove-ask = Убрать { $a } из группы?
group-remove-hint = Следующих сообщений этот человек не прочтёт. То, что уже пришло, у него останется.
group-leave-ask = Выйти из группы «{ $a }»?
group-leave-hint = Новые сообщения приходить не будут. Вернуться можно только по приглашению.
keys = Клавиши
keys-press = Клавиши
keys-does = Что делают
keys-search = быстрый переход и поиск
keys-list = этот список
keys-send = отправить сообщение
keys-line = новая строка
keys-edit = изменить последнее своё сообщение, если поле пустое
keys-find = поиск в чате
keys-message = с сообщением, выбранным стрелками: ответить, изменить, удалить, реакция, все действия
keys-chats = предыдущий и следующий чат
keys-unread = следующий чат с новыми сообщениями
keys-reply = выбрать сообщение для ответа
keys-esc = закрыть окно или отменить ответ
keys-home = из ленты: к первым сообщениям
keys-end = из ленты: к последним сообщениям

# Errors
offline-title = Узел не отвечает
offline-text = Сообщения, которые ещё не ушли, сохранены в этом браузере. Страница откроется сама, когда узел ответит.
manifest-about = Переписка на своём узле
full = На узле кончилось место. Читать можно, новые сообщения пока не принимаются.
full-owner = Посмотреть, что занимает место
error-status = Ошибка { $a }
error-403 = Сюда вам нельзя
error-404 = Такого чата нет или у вас нет доступа
error-404-page = Такой страницы нет
error-413 = Это слишком много для одного раза
error-429 = Слишком часто. Подождите немного.
error-429-wait = Слишком часто. Подождите { $n }{"\u00A0"}с.
error-500 = Что-то сломалось на узле. Код { $a }
error-busy = Узел занят. Попробуйте ещё раз.
error-storage = На диске узла нет места
error-storage-failed = Диск узла сейчас не работает
error-form = Страница устарела. Вернитесь, обновите её и попробуйте ещё раз.
error-host = По этому имени узел не отвечает
error-empty = Здесь нужно что-нибудь написать
error-short = Слишком коротко
error-long = Слишком длинно
error-control = Здесь есть знаки, которых нельзя увидеть
error-characters = Здесь есть знаки, которые нельзя использовать
error-mixed = Буквы должны быть одного алфавита
error-reserved = Это имя занято программой
error-malformed = Так не получится. Проверьте, как это записано.
error-nick-short = Ник: от 2 до 32 знаков
error-nick-long = Ник: от 2 до 32 знаков
error-password-short = Пароль: не короче 10 знаков
error-password-long = Пароль слишком длинный
error-text-long = Сообщение: не длиннее 8000 знаков
error-address-malformed = Это не похоже на адрес узла. Пример: /ip4/192.168.1.24/tcp/5001

# Dates
months = января февраля марта апреля мая июня июля августа сентября октября ноября декабря
months-short = янв. февр. мар. апр. мая июн. июл. авг. сент. окт. нояб. дек.
week-days = пн вт ср чт пт сб вс
date-day-month = { $day } { $month }
date-with-year = { $day } { $year } г.

# Scripts
js-yesterday = вчера
js-day-today = Сегодня
js-day-yesterday = Вчера
js-again = Повторить
js-remove = Удалить
js-back-online = Связь восстановлена
js-offline = Нет связи с узлом. Сообщения сохраняются здесь и уйдут сами.
js-try-in = Попытка через { $s }{"\u00A0"}с.
js-now = Сейчас
js-copied = Скопировано
js-ended = Сеанс на этом узле закончился. Набранный текст сохранён и уйдёт после входа.
js-log-in = Войти
js-updated = Chater обновлён.
js-reload = Перезагрузить
js-left-count = { $n ->
    [one] остался { $n } знак
    [few] осталось { $n } знака
   *[many] осталось { $n } знаков
}
js-new-count = { $n ->
    [one] { $n } новое сообщение
    [few] { $n } новых сообщения
   *[many] { $n } новых сообщений
}
js-not-sent = Не отправлено
js-search-found-count = { $n ->
    [one] Найден { $n } человек
    [few] Найдено { $n } человека
   *[many] Найдено { $n } человек
}
js-search-answered-count = { $n ->
    [one] ответил { $n } узел из { $m }
    [few] ответили { $n } узла из { $m }
   *[many] ответили { $n } узлов из { $m }
}
js-search-waiting = ждём ответа
js-state-sending = Отправляется
js-state-stored = На вашем узле
js-state-stored-for = На вашем узле, ждёт узел { $a }
js-state-delivered = Доставлено
js-state-delivered-to = Доставлено на узел { $a }
js-state-read = Прочитано
js-state-failed = Не отправлено
js-typing-one = { $a } печатает…
js-typing-two = { $a } и { $b } печатают…
js-typing-many = Печатают несколько человек…
js-found-of = { $a } из { $b }
js-found-none = Ничего не нашлось
js-too-large = Слишком много для одного сообщения
js-failed = Не получилось. Попробуйте ещё раз.
js-silent = Узел не отвечает. Попробуйте ещё раз.
js-ended-title = Войдите снова
js-close = Закрыть
js-search-ms = { $a } мс
js-search-silent = не ответил
js-search-chats = Есть чат
js-undo = Вернуть
js-deleted = Сообщение удалено у вас
js-archived = Чат в архиве
js-names = Участники чата
note-founded-by = { $a } создал(а) группу
note-founded-own = Вы создали группу
note-added-by = { $a } добавил(а): { $b }
note-added-own = Вы добавили: { $b }
note-removed-by = { $a } убрал(а) из группы: { $b }
note-removed-own = Вы убрали из группы: { $b }
note-left-by = { $a } больше не в группе
note-left-own = Вы вышли из группы
note-admin-by = { $a } назначил(а) ведущим: { $b }
note-admin-own = Вы назначили ведущим: { $b }
note-member-by = { $a } снял(а) с ведущих: { $b }
note-member-own = Вы сняли с ведущих: { $b }
note-rules-by = { $a } изменил(а) правила группы
note-rules-own = Вы изменили правила группы
note-renamed-by = { $a } назвал(а) группу «{ $b }»
note-renamed-own = Вы назвали группу «{ $b }»
note-pictured-by = { $a } сменил(а) картинку группы
note-pictured-own = Вы сменили картинку группы
note-home = У пользователя { $a } новые ключи на узле { $b }
note-home-ended = Прежние ключи пользователя { $a } на узле { $b } больше не действуют
note-home-check = Сверить код безопасности
note-more = { $n ->
    [one] и ещё { $n }
    [few] и ещё { $n }
   *[many] и ещё { $n }
}
sync-with = { $n ->
    [one] Всё на месте: то же самое у { $n } узла
    [few] Всё на месте: то же самое у { $n } узлов
   *[many] Всё на месте: то же самое у { $n } узлов
}
sync-some = То же самое у { $a } из { $b } узлов; остальные не ответили или ещё сверяются
group-rules = Правила группы
rules-adds = Добавлять людей может каждый участник
rules-read = Участники видят, что прочитали другие
rules-history = Что читают новые участники
rules-history-hint = Действует для тех, кого добавят потом
rules-all = Всё
rules-some = За дни
rules-none = С приглашения
rules-days = За сколько дней до приглашения
group-undo = Если убрать ведущего или снять его, приглашения от него, о которых ваш узел ещё не знал, отменяются.
group-links = Ссылки-приглашения
links-hint = По ссылке люди входят сами, с любого узла. Показывают её один раз.
link-uses = Сколько человек
link-days = Сколько дней
link-make = Сделать ссылку
link-made = Ссылка готова
link-for = Ссылка в группу «{ $a }». Отправьте её тем, кого зовёте: её вставляют на странице «Вступить по ссылке» своего узла.
link-once = Сохраните её сейчас: больше она показана не будет. Кто её получит, тот и войдёт.
link-left = { $n ->
    [one] Ещё { $n } человек
    [few] Ещё { $n } человека
   *[many] Ещё { $n } человек
}
link-came = вошли: { $a }
link-until = до
link-end = Отозвать
join = Вступить по ссылке
join-have = Вступить по ссылке-приглашению
join-link = Ссылка
join-hint = Начинается с chater:join/
join-look = Дальше
join-ask = Вступить в группу «{ $a }»?
join-tells = Узел, который дал ссылку, узнает ваше имя и адрес. Участники увидят, что вы вошли.
join-node = Отпечаток этого узла:
join-do = Вступить
